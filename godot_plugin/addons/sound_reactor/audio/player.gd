@tool
@icon("../icons/player.svg")
## Plays the sound that comes back through a [SoundReactorLink], on a bus, without a place in the world.
##
## Bus, volume and everything else of an [AudioStreamPlayer] work as usual; [code]stream[/code], [code]autoplay[/code] and
## [code]pitch_scale[/code] belong to the plugin. It pauses with the tree. Several players may share a link.
class_name SoundReactorPlayer
extends AudioStreamPlayer

const PlaybackControl := preload("playback_control.gd")

## Where the sound comes from. Empty: the first link in the tree.
@export var link: SoundReactorLink:
	set(value):
		link = value
		update_configuration_warnings()
## Sound held in stock against irregular arrival, in ms: less is nearer to the picture, more survives more.
@export_range(20.0, 250.0, 1.0, "suffix:ms") var target_latency_ms := 83.0:
	set(value):
		target_latency_ms = value
		_control.line.set_target_ms(value)
## Loudness (linear, 0 to 4), glided within one hop; [code]volume_db[/code] comes on top.
@export_range(0.0, 4.0, 0.01) var gain := 1.0:
	set(value):
		gain = value
		_control.line.set_gain(0.0 if mute else gain)
## Fade to silence; the sound goes on unheard.
@export var mute := false:
	set(value):
		mute = value
		_control.line.set_gain(0.0 if mute else gain)

var _control := PlaybackControl.new(self)


## The engine switches processing on just before this; in the editor nothing runs.
func _ready() -> void:
	set_process(not Engine.is_editor_hint())


func _enter_tree() -> void:
	if not Engine.is_editor_hint():
		_control.enter()


func _exit_tree() -> void:
	if not Engine.is_editor_hint():
		_control.leave()


func _process(_delta: float) -> void:
	_control.update(link)


func _notification(what: int) -> void:
	if what == NOTIFICATION_PAUSED or what == NOTIFICATION_UNPAUSED:
		_control.set_paused(what == NOTIFICATION_PAUSED)


func _validate_property(property: Dictionary) -> void:
	PlaybackControl.hide_own(property)


func _get_configuration_warnings() -> PackedStringArray:
	return _control.warnings(link)


## Return how often the sound ran dry so far.
func get_underruns() -> int:
	return _control.line.underruns


## Return the sound in stock, in ms, averaged over 2 s; 0 while nothing is played.
func get_level_ms() -> float:
	return _control.line.level_ms()
