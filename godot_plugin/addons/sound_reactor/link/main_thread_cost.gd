## How long the plugin keeps the game's main thread busy: the sum over all its nodes for each game frame.
extends RefCounted

const KEPT_FRAMES := 4096

var _frames := PackedFloat32Array()
var _this_frame_usec := 0
var _next := 0


## Add what a node has just taken; [param began_usec] is when it began.
func add_since(began_usec: int) -> void:
	_this_frame_usec += Time.get_ticks_usec() - began_usec


## A game frame is over.
func end_frame() -> void:
	if _frames.size() < KEPT_FRAMES:
		_frames.append(0.0)
	_frames[_next] = _this_frame_usec * 1e-3
	_next = (_next + 1) % KEPT_FRAMES
	_this_frame_usec = 0


## Return the cost below which [param share] of the last frames lie, in ms.
func quantile_ms(share: float) -> float:
	return SoundReactorStatistics.quantile(_frames, share)
