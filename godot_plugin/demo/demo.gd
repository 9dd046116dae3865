## The 3D demo: Space or a click bangs, P pauses, R is a scene cut, M mutes, Escape quits.
extends Node3D

@onready var _arena: Node = $Arena
@onready var _link: SoundReactorLink = $SoundReactorLink
@onready var _player: SoundReactorPlayer = $SoundReactorPlayer


func _unhandled_input(event: InputEvent) -> void:
	var key := event as InputEventKey
	var button := event as InputEventMouseButton
	if button != null and button.pressed:
		_arena.call(&"bang")
	if key == null or not key.pressed or key.echo:
		return
	match key.keycode:
		KEY_SPACE:
			_arena.call(&"bang")
		KEY_P:
			get_tree().paused = not get_tree().paused
		KEY_R:
			_link.reset()
		KEY_M:
			_player.mute = not _player.mute
		KEY_ESCAPE:
			get_tree().quit()
