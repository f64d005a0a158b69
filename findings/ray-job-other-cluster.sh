#!/usr/bin/env bash
# Ray, `ray job submit` to the first of two heads that run on one machine (other ports, the same folder for their files, as
# by default): the job's log and status are kept by the head that it was given to, but its driver is told the address of
# the head that was started last, and `ray.init()` in it joins that one: other nodes, other resources.
set -euo pipefail
folder=$(mktemp -d /tmp/f-XXXX)
export RAY_AUTH_MODE=disabled RAY_USAGE_STATS_ENABLED=0
unset RAY_ADDRESS
heads=()
end() {
    for head in "${heads[@]}"; do kill -TERM -- "-$head" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$folder"
}
trap end EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q 'ray[default]==2.60.0' 2>/dev/null
ray="$folder/env/bin/ray"
until_done() {
    for _ in $(seq 60); do "$@" && return; done
    echo "gave up: $*"
    exit 1
}
is_up() { RAY_ADDRESS="127.0.0.1:${gcs[$1]}" "$ray" status >/dev/null 2>&1; }
submit() { # a head that just started has no job agent yet, and says so
    "$ray" job submit --address "http://127.0.0.1:${board[1]}" -- "$folder/env/bin/python" "$folder/driver.py" >"$folder/said" 2>&1
}
free() { "$folder/env/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
for number in 1 2; do
    gcs[$number]=$(free) board[$number]=$(free) agent=$(free)
    setsid "$ray" start --head --block --node-ip-address=127.0.0.1 --port="${gcs[$number]}" \
        --dashboard-port="${board[$number]}" --dashboard-agent-listen-port="$agent" --num-cpus="$number" \
        --temp-dir="$folder/t" >"$folder/head$number.log" 2>&1 &
    heads+=($!)
    until_done is_up "$number"
done
echo 'import ray; ray.init(); print("CPUs", int(ray.cluster_resources()["CPU"]), ray.get_runtime_context().gcs_address)' \
    >"$folder/driver.py"
until_done submit
said=$(cat "$folder/said")
"$folder/env/bin/pip" list 2>/dev/null | grep '^ray '
echo "submitted to the head of 1 CPU at ${gcs[1]}; the other, of 2, is at ${gcs[2]}"
echo "$said" | grep '^CPUs'
echo "$said" | grep -q "^CPUs 2 127.0.0.1:${gcs[2]}" || { echo "the behaviour has changed"; exit 1; }
