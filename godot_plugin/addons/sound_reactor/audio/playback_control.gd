## What the three players have in common: a generator, its playout line, and the link that feeds it. Main thread.
extends RefCounted

const PlayoutLine := preload("playout_line.gd")
const Sink := preload("sink.gd")

## The engine rounds up to a power of two: 32768 samples, 0.68 s. Only the target's worth of it is ever full.
const BUFFER_S := 0.5
## The audio server ramps changes of pitch over a mix; smaller ones are not worth a call.
const RATE_STEP := 1e-5

## The jitter buffer with its counters.
var line := PlayoutLine.new()

var _player: Node
var _generator := AudioStreamGenerator.new()
var _playback: AudioStreamPlayback
var _link: SoundReactorLink
var _rate := 1.0


## [param player] is an [AudioStreamPlayer], [AudioStreamPlayer2D] or [AudioStreamPlayer3D].
func _init(player: Node) -> void:
	_player = player
	# The engine resamples from this to the mix rate, and by pitch_scale to the sound card's true clock.
	_generator.mix_rate = PlayoutLine.SAMPLE_RATE
	_generator.buffer_length = BUFFER_S


## Keep what the plugin sets itself out of the inspector: a choice there would have no effect.
static func hide_own(property: Dictionary) -> void:
	if property["name"] in ["stream", "autoplay", "pitch_scale"]:
		property["usage"] = PROPERTY_USAGE_NO_EDITOR


## Begin to play; the player has just entered the tree.
func enter() -> void:
	_player.set(&"stream", _generator)
	_player.call(&"play")


## The player leaves the tree.
func leave() -> void:
	_follow(null)
	_detach()
	_player.call(&"stop")


## Do this frame's work: find the link, follow play and stop, follow the clock.
func update(wanted_link: SoundReactorLink) -> void:
	var began_usec := Time.get_ticks_usec()
	_follow(wanted_link if is_instance_valid(wanted_link) else SoundReactorLink.find_in(_player))
	var playback: AudioStreamPlayback = _player.call(&"get_stream_playback") if _player.get(&"playing") else null
	if playback != _playback:
		_detach()
		_attach(playback)
	var is_paused: bool = _player.get(&"stream_paused")
	line.set_suspended(is_paused)
	if absf(line.rate() - _rate) > RATE_STEP:
		_rate = line.rate()
		_player.set(&"pitch_scale", _rate)
	if _link != null:
		_link.add_main_thread_cost(began_usec)


## The tree was paused or goes on.
func set_paused(is_paused: bool) -> void:
	line.set_suspended(is_paused)


## Return what a player should warn about in the editor.
func warnings(wanted_link: SoundReactorLink) -> PackedStringArray:
	var found := PackedStringArray()
	if not _player.is_inside_tree():
		return found
	var used := wanted_link if is_instance_valid(wanted_link) else SoundReactorLink.find_in(_player)
	if used == null:
		found.append("There is no SoundReactorLink in this scene. Add one, choose one, or make one an autoload.")
	elif used.play == SoundReactorLink.Play.RUNTIME:
		found.append("The link lets the runtime play, so this player stays silent. Set the link's Play to Engine.")
	return found


func _follow(link: SoundReactorLink) -> void:
	if link == _link:
		return
	if is_instance_valid(_link):
		_link.remove_line(line)
	_link = link
	if _link != null:
		_link.add_line(line)


func _attach(playback: AudioStreamPlayback) -> void:
	_playback = playback
	if playback is AudioStreamGeneratorPlayback:
		line.attach(Sink.new(playback as AudioStreamGeneratorPlayback))


func _detach() -> void:
	line.attach(null)
	_playback = null
