# The environment of every node: `docker build -t YOUR-REGISTRY/patray .`, then IMAGE in jobs/kuberay/*.yaml is that name.
# The node's NVIDIA driver comes from the container runtime, CUDA's libraries from torch's wheels.
# Not built here: there is no Docker on our development machines; a test checks what it names.
FROM python:3.11-slim
# gcc: vLLM compiles kernels when it starts. wget: KubeRay's probes call it.
RUN apt-get update && apt-get install -y --no-install-recommends gcc g++ git wget && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY . /app
# faiss-gpu takes the place of faiss-cpu: both are the module `faiss`.
RUN pip install --no-cache-dir -c constraints.txt -e '.[demo,train]' \
    && pip uninstall -y faiss-cpu \
    && pip install --no-cache-dir -c constraints.txt -e '.[vllm,gpu]'
CMD ["patray", "--help"]
