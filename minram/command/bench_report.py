"""What `minram bench` prints: a row for each task."""

import json
import sys
from argparse import Namespace


def bench_command(args: Namespace) -> None:
    """Measure the speed of training."""
    from minram.command import bench
    from minram.training.config import Config

    results = {}
    for task in args.task or bench.TASKS:
        results[task] = r = bench.run(Config().changed(bench.TASKS[task]), args.threads, args.repeats, args.workers)
        if args.json:
            continue
        if len(results) == 1:
            threads = f"{args.threads} thread{'s' * (args.threads > 1)}"
            print(f"{r['blas']}, {r['kernel'] or 'unknown'} kernels, {threads}; medians of {args.repeats} steps, in ms")
            print(
                "                 step = sensor forward backward update | products ratio |  data of step"
                " | images/s evaluate memory"
            )
        memory = f"{r['peak_mb']:4.0f} MB" if r["peak_mb"] else "      –"
        print(
            f"{task:14} {r['step_ms']:6.2f}   {r['sensor_ms']:6.2f} {r['forward_ms']:7.2f} {r['backward_ms']:8.2f} "
            f"{r['update_ms']:6.2f} | {r['matmul_ms']:8.2f} {r['ratio']:5.2f} | {r['data_ms']:5.2f} "
            f"{r['data_ms'] / r['step_ms']:7.0%} | {r['images_per_s']:8,.0f} {r['evaluate_s']:6.2f} s {memory}",
            flush=True,
        )
        if args.workers > 1:
            print(
                f"{'':14} with fresh data {r['one_worker_ms']:.2f} ms by one process, {r['workers_ms']:.2f} by "
                f"{r['workers']} in as many parts: {r['speedup']:.2f} times as fast",
                flush=True,
            )
    if args.json:
        print(json.dumps(results, indent=1))
    if advice := bench.advice(r["kernel"]):
        print(advice, file=sys.stderr)
    noisy = [task for task, result in results.items() if result["noise"] > bench.NOISY]
    if noisy:
        print(f"Something else ran on this machine: the times of {', '.join(noisy)} vary too much.", file=sys.stderr)
    if args.picture:
        from minram.command.scaling import draw, measure

        draw(args.picture, measure(args.threads))
