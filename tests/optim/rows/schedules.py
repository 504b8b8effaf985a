"""Schedules, but for those in `first`. The tests look at steps 0 to 24."""

CYCLE = "{{'init_value': {}, 'peak_value': {}, 'warmup_steps': {}, 'decay_steps': {}}}"

SCHEDULES = {
    "polynomial_schedule": [
        "polynomial_schedule(3.0, 0.1, 2, 10)",
        "polynomial_schedule(0.1, 3.0, power=0.7, transition_steps=10, transition_begin=4)",
        "polynomial_schedule(1e-5, 1.0, 2, transition_steps=0)",
        "polynomial_schedule(1.0, 0.1, 2, 10, transition_begin=-4)",
    ],
    "linear_schedule": [
        "linear_schedule(3.0, 0.1, 10)",
        "linear_schedule(init_value=0.1, end_value=3.0, transition_steps=7, transition_begin=5)",
        "linear_schedule(1e-5, 1.0, -1)",
    ],
    "exponential_decay": [
        "exponential_decay(3.0, 5, 0.7)",
        "exponential_decay(3.0, 5, 0.7, 4, True, 1.0)",
        "exponential_decay(1.0, 5, 2.0, transition_begin=4, staircase=True, end_value=7.0)",
        "exponential_decay(1.0, 5, decay_rate=1.0, end_value=0.1)",
        "exponential_decay(1.0, 0, 0.5, end_value=2.0)",
        "exponential_decay(1.0, 5, 0.0, end_value=2.0)",
        "exponential_decay(1.0, 5, 0.5, -3)",
    ],
    "piecewise_constant_schedule": [
        "piecewise_constant_schedule(0.3)",
        "piecewise_constant_schedule(-0.3, {6: 0.5, 3: 2.0, 0: 3})",
    ],
    "piecewise_interpolate_schedule": [
        "piecewise_interpolate_schedule('linear', 0.3)",
        "piecewise_interpolate_schedule('linear', 2.0, {5: 1.5, 3: 0.5, 12: 1e-4})",
        "piecewise_interpolate_schedule('cosine', init_value=2.0, boundaries_and_scales={0: 3.0, 5: 1.5, 12: 0.0})",
        "piecewise_interpolate_schedule('linear', 2.0, {0: 3.0})",
    ],
    "linear_onecycle_schedule": [
        "linear_onecycle_schedule(20, 0.5)",
        "linear_onecycle_schedule(19, 0.5, 0.4, 0.7, 10.0, 100.0)",
        "linear_onecycle_schedule(transition_steps=1, peak_value=0.5)",
    ],
    "cosine_onecycle_schedule": [
        "cosine_onecycle_schedule(20, 0.5)",
        "cosine_onecycle_schedule(19, 0.5, 0.4, 10.0, 100.0)",
        "cosine_onecycle_schedule(transition_steps=1, peak_value=0.5)",
    ],
    "join_schedules": [
        "join_schedules([constant_schedule(0.3)], [])",
        "join_schedules([linear_schedule(1.0, 0.0, 9), exponential_decay(2.0, 4, 0.5), constant_schedule(3)], [5, 11])",
    ],
    "warmup_constant_schedule": ["warmup_constant_schedule(0.1, 3.0, 7)", "warmup_constant_schedule(0.1, 3.0, 0)"],
    "warmup_exponential_decay_schedule": [
        "warmup_exponential_decay_schedule(0.1, 3.0, 6, 4, 0.7)",
        "warmup_exponential_decay_schedule(0.1, 3.0, 0, 4, 0.7, 3, True, 0.6)",
    ],
    "sgdr_schedule": [
        f"sgdr_schedule([{CYCLE.format(0.1, 3.0, 2, 9)}])",
        f"sgdr_schedule([{CYCLE.format(0.0, 3.0, 2, 9)}, {CYCLE.format(0.2, 1.0, 0, 5)}, {CYCLE.format(0, 2, 3, 6)}])",
    ],
}

ELSEWHERE = {
    "inverse_square_root_schedule": "schedules/test_open_ended.py",
    "warmup_stable_decay_schedule": "schedules/test_open_ended.py",
    "plot_schedule": "schedules/test_picture.py",
}
