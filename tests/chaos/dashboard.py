"""A local Ray with a dashboard to submit jobs to, until stdin is closed: prints its address first."""

import sys

import ray

if __name__ == "__main__":
    context = ray.init(address="local", num_cpus=2, include_dashboard=True, log_to_driver=False)
    print(f"http://{context.dashboard_url}", flush=True)
    sys.stdin.read()
