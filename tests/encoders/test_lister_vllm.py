"""The listwise reranker's engine, run for real: vLLM's answers are those of transformers' greedy generation."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from patray.encoders.listwise import ListPrompt
from patray.models.registry import parse_record
from tests.models.tiny_lister import save_language_model

ROOT = Path(__file__).resolve().parents[2]
TOKENS = 24
ASK = """
import json, sys, yaml
from pathlib import Path
from patray.encoders.load import load_lister
from patray.encoders.protocol import EncoderSettings
from patray.models.registry import parse_record

folder = Path(sys.argv[1])
record = parse_record(yaml.safe_load((folder / "record.yaml").read_text()), "record.yaml")
lister = load_lister(record, folder, EncoderSettings("vllm", "float32", "cpu", 1, 2048, False))
prompts = json.loads((folder / "prompts.json").read_text())
answers = [lister.answer(prompts, 24), lister.answer(prompts[::-1], 24)[::-1]]
(folder / "answers.json").write_text(json.dumps(answers))
"""


@pytest.mark.slow
def test_answers_are_those_of_greedy_generation_in_whatever_order_they_are_asked_for(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = tmp_path / "llm"
    save_language_model(folder)
    prompt = ListPrompt(parse_record(yaml.safe_load((folder / "record.yaml").read_text()), "record.yaml"), folder, 3)
    texts = ["a device with a wheel", "a sensor for the user", "a brush", "said claim of the device " * 40]
    prompts = [prompt(texts[at], [texts[at - 1], texts[at - 2], texts[at - 3]]) for at in range(4)]
    (folder / "prompts.json").write_text(json.dumps(prompts))
    done = subprocess.run([sys.executable, "-c", ASK, str(folder)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found, turned = json.loads((folder / "answers.json").read_text())

    import torch

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    wanted = []
    for ids in prompts:
        made = model.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=TOKENS)
        wanted.append(tokenizer.decode(made[0, len(ids) :], skip_special_tokens=True))
    assert len(set(wanted)) > 1, "all answers are one: nothing is tested"
    assert found == turned
    assert [answer.strip() for answer in found] == wanted  # vLLM spells an answer as it goes on from its prompt
