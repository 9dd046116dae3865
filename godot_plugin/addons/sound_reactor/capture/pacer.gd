## When the next picture is due: 30.0 a second on average from any faster frame rate.
##
## What is left over after a picture counts for the next one; what a hitch has cost is not caught up.
extends RefCounted

## What the protocol asks for.
const FRAMES_PER_SECOND := 30.0

## A picture may come this part of a period early, so that a game at 30 fps with uneven frames loses none; the average
## stays, since what was not yet due is owed.
const EARLY := 0.3

var _credit := 1.0
var _looked_usec := -1


## Whether a picture is due now; asking uses it up. Ask once per game frame, in real time: slow motion must change
## neither pitch nor rhythm.
func is_due(now_usec: int) -> bool:
	if _looked_usec >= 0:
		_credit += (now_usec - _looked_usec) * 1e-6 * FRAMES_PER_SECOND
	_looked_usec = now_usec
	if _credit < 1.0 - EARLY:
		return false
	_credit = fmod(_credit, 1.0) if _credit >= 1.0 else _credit - 1.0
	return true
