"""The agent plays: it aims, walks, opens doors, gets unstuck; in a little world of its own."""

from __future__ import annotations

import math

import numpy as np

from sr_runtime.data.agent import HABITS, Action, Agent, Observation, Seen
from sr_runtime.data.navigation import WalkGrid
from tests.unit.doom_files import two_rooms

ZOMBIE = Seen("Zombieman", 500.0, 0.0, 900)


def agent(kind: str = "dense", grid: WalkGrid | None = None, seed: int = 0) -> Agent:
    player = Agent(HABITS[kind], grid, np.random.default_rng(seed))
    player.start()
    return player


def walk(player: Agent, tics: int, speed: float = 10.0, seen: list[Seen] | None = None) -> list[tuple]:
    """Move a player without walls as its actions say; return (x, y, angle, action) per tic."""
    x, y, angle, steps = 100.0, 200.0, 0.0, []
    for tic in range(tics):
        action = player.act(Observation(tic, x, y, angle, seen or []))
        angle -= action.turn
        if action.warp is not None:
            x, y = action.warp
        if action.forward:
            x += speed * math.cos(math.radians(angle))
            y += speed * math.sin(math.radians(angle))
        steps.append((x, y, angle, action))
    return steps


def test_it_turns_towards_a_monster_and_then_shoots():
    steps = walk(agent(), 60, speed=0.0, seen=[Seen("Zombieman", 100.0, 700.0, 900)])
    shots = [k for k, (_, _, _, action) in enumerate(steps) if action.attack]
    assert shots
    assert abs(steps[-1][2] - 90.0) < 6.0  # looks north, where the monster stands


def test_it_does_not_shoot_corpses_or_scenery():
    steps = walk(agent(), 30, seen=[Seen("DeadZombieman", 500.0, 200.0, 900), Seen("Column", 300, 200, 900)])
    assert not any(action.attack for _, _, _, action in steps)


def test_a_quiet_walk_never_shoots():
    steps = walk(agent("quiet", WalkGrid(two_rooms())), 1050, seen=[ZOMBIE])
    assert not any(action.attack for _, _, _, action in steps)


def test_sparse_play_shoots_about_once_a_second_with_irregular_gaps():
    actions = [step[3] for step in walk(agent("sparse", WalkGrid(two_rooms())), 35 * 120)]
    starts = [k for k in range(1, len(actions)) if actions[k].attack and not actions[k - 1].attack]
    assert 0.4 < len(starts) / 120 < 1.2  # measured: 0.8 a second
    gaps = np.diff(starts) / 35
    assert gaps.std() > 0.4


def test_it_walks_through_the_door_into_the_other_room():
    steps = walk(agent("quiet", WalkGrid(two_rooms()), seed=3), 35 * 10)
    warped = any(action.warp for _, _, _, action in steps[:100])
    assert warped or any(x > 420 for x, _, _, _ in steps)


def test_it_never_uses_a_bare_wall():
    player = agent("sparse", WalkGrid(two_rooms(with_door=False)))
    assert not any(action.use for _, _, _, action in walk(player, 700, speed=0.0))


def test_it_uses_a_door_that_stops_it():
    player = agent("quiet", WalkGrid(two_rooms()))
    angle, used = 0.0, False
    for tic in range(400):
        action = player.act(Observation(tic, 360.0, 200.0, angle, []))
        angle -= action.turn
        used = used or action.use
    assert used


def test_a_stuck_player_turns_away():
    player = agent("quiet", WalkGrid(two_rooms()))
    turns = [abs(action.turn) for _, _, _, action in walk(player, 200, speed=0.0)]
    assert max(turns) > 5.0


def test_it_warps_every_dozen_seconds_to_a_known_spot():
    grid = WalkGrid(two_rooms())
    warps = [action.warp for _, _, _, action in walk(agent("dense", grid), 35 * 120) if action.warp]
    assert 5 <= len(warps) <= 20
    assert set(warps) <= set(grid.spots)


def test_the_same_seed_plays_the_same():
    def actions(seed: int) -> list[Action]:
        return [step[3] for step in walk(agent("dense", WalkGrid(two_rooms()), seed), 400, seen=[ZOMBIE])]

    assert actions(5) == actions(5)
    assert actions(5) != actions(6)


def test_rockets_are_not_fired_at_ones_own_feet():
    player = agent()
    player._weapon, player._next_weapon = 5, 1 << 60
    near = Seen("Zombieman", 200.0, 200.0, 5000)
    player._next_shot = 1 << 60
    assert not any(action.attack for _, _, _, action in walk(player, 40, speed=0.0, seen=[near]))
