"""How a training runs: nothing here decides the weights but by rounding and by what dropout draws."""

from __future__ import annotations

from pydantic import Field, model_validator

from patray.recipes.record import Part


class Workers(Part):
    """Training workers: from min, growing to max as the cluster gives room. max null: always min."""

    min: int = Field(default=1, ge=1)
    max: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _ordered(self) -> Workers:
        if self.max is not None and self.max < self.min:
            raise ValueError(f"max {self.max} is below min {self.min}")
        return self


class Training(Part):
    """How fine-tunings run on the cluster."""

    workers: Workers = Workers()
    threads: int = Field(default=1, ge=1, description="CPU threads of one worker")
    gpus: float = Field(default=0, ge=0, description="GPUs of one worker; 0 runs on the CPU")
    checkpoint_every: int | None = Field(
        default=None, ge=1, description="steps between checkpoints beside those at each validation"
    )
    max_failures: int = Field(default=3, ge=0, description="how often a lost worker is replaced in one training")
    stall_seconds: int = Field(default=1800, ge=10, description="no step done for so long stops the run")
    check_in_vllm: bool = Field(
        default=True, description="load the saved model by vLLM too, where its record allows it and vLLM is installed"
    )
