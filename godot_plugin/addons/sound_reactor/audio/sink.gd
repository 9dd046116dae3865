## Where a playout line puts its sound. Tests extend it; the game uses the engine's generator.
extends RefCounted

var _playback: AudioStreamGeneratorPlayback


func _init(playback: AudioStreamGeneratorPlayback = null) -> void:
	_playback = playback


## How many stereo samples fit now.
func free_frames() -> int:
	return _playback.get_frames_available()


## Append sound; it must fit.
func push(sound: PackedVector2Array) -> void:
	_playback.push_buffer(sound)
