"""Benchmarks: turns per second, latency, growth, memory and training, beside a stock Rasa bot on the same machine.

`python -m benchmarks.turns` measures and prints a table, `python -m benchmarks.profile_turn` shows where a turn
spends its time. What counts are the ratios within one run; no test asserts anything about time.
"""
