## The way of the sound from the wire to a generator: jitter buffer, fades, skips, and the rate that follows the clock.
##
## [codeblock]
## receive(hop) ──► queue ──(all but the last 5 ms)──► the generator's ring ──► audio thread, in bursts
##                    └─ held back, so that an end can be faded ─┘
##                  └────────────── level: steered to the target ─────────┘
## [/codeblock]
## The link's thread calls [method receive] and [method tick], the main thread all else; one lock. So the sound goes
## on while the game hitches. What is in the generator's ring cannot be taken back, hence the part held back.
extends RefCounted

const Fades := preload("fades.gd")
const RateControl := preload("rate_control.gd")
const Sink := preload("sink.gd")

const SAMPLE_RATE := 48000
const HOP_SAMPLES := 1600
## 5 ms: long enough not to click.
const FADE := 240
## More than this above the target leaves by pieces of 5 ms, crossfaded, one a hop.
const MANY := 2400
## More than this leaves at once.
const TOO_MANY := 9600
## More than 2 s is never kept, whatever a peer sends.
const FULL := 96000
const WIDEST_MS := 250.0
## A second underrun within 10 s widens the target by half; 30 s of calm narrow it again.
const TWICE_WITHIN_USEC := 10_000_000
const CALM_USEC := 30_000_000
## A longer pause between two looks says nothing about the audio thread's burst.
const SHORT_TICK_USEC := 8_000
## A burst that did not come again is forgotten with this time constant.
const BURST_KEPT_USEC := 10_000_000.0

## Times that there was no sound when some was due.
var underruns := 0
## Hops that came.
var hops := 0
## Hops left out by the runtime: time without sound.
var missing_hops := 0
## Sound left out here because too much was waiting.
var skipped_frames := 0

var _lock := Mutex.new()
var _sink: Sink
var _capacity := 0
var _queue := PackedVector2Array()
var _is_playing := false
var _is_suspended := false
var _last_hop := -1
var _target_ms := 83.0
var _wanted_gain := 1.0
var _gain := 1.0
var _to_cut := 0
var _burst := 0.0
var _fill_before := -1
var _tick_usec := 0
var _underrun_usec := -TWICE_WITHIN_USEC
var _widening := 1.0
var _rate := RateControl.new()


## Play into [param sink], which is empty now; null plays nowhere.
func attach(sink: Sink) -> void:
	_lock.lock()
	_sink = sink
	_capacity = 0 if sink == null else sink.free_frames()
	_fill_before = -1
	_forget_sound()
	_lock.unlock()


## Hold this much sound on average, in ms.
func set_target_ms(wanted_ms: float) -> void:
	_lock.lock()
	_target_ms = clampf(wanted_ms, 20.0, WIDEST_MS)
	_lock.unlock()


## Glide to this linear gain within one hop.
func set_gain(gain: float) -> void:
	_lock.lock()
	_wanted_gain = clampf(gain, 0.0, 4.0)
	_lock.unlock()


## Keep everything as it is while the tree is paused: the generator does not run then.
func set_suspended(is_suspended: bool) -> void:
	_lock.lock()
	_is_suspended = is_suspended
	_fill_before = -1
	_lock.unlock()


## The session is over: fade out; silence from now on is no underrun.
func end_session() -> void:
	_lock.lock()
	if _is_playing:
		_fade_out_rest()
	else:
		_queue.clear()
	_last_hop = -1
	_lock.unlock()


## Take the sound of one hop.
func receive(hop: int, sound: PackedVector2Array) -> void:
	_lock.lock()
	var is_wanted := _sink != null and not _is_suspended and _queue.size() < FULL
	if is_wanted and not sound.is_empty():
		hops += 1
		_receive(hop, Fades.glide(sound, _gain, _wanted_gain))
		_gain = _wanted_gain
	_lock.unlock()


## Hand on what is due and watch the level.
func tick(now_usec: int) -> void:
	_lock.lock()
	if _sink != null and not _is_suspended:
		var elapsed_usec := now_usec - _tick_usec
		var fill := _capacity - _sink.free_frames()
		_watch_burst(fill, elapsed_usec)
		_move(fill, now_usec)
		if _is_playing:
			_rate.observe(_level(), _target_frames(), elapsed_usec * 1e-6)
		_fill_before = _capacity - _sink.free_frames()
		_narrow(now_usec, elapsed_usec)
	_tick_usec = now_usec
	_lock.unlock()


## How much faster than nominal the sound must be played to hold the level: 1 ± 0.005.
func rate() -> float:
	return _rate.ratio


## Sound waiting to be played, in ms, averaged over 2 s.
func level_ms() -> float:
	return _rate.average_frames * 1000.0 / SAMPLE_RATE if _is_playing else 0.0


## Whether sound is being played now.
func is_playing() -> bool:
	return _is_playing


## The target in use, in ms: the wanted one, widened after underruns and for coarse audio drivers.
func target_ms() -> float:
	return _target_frames() * 1000.0 / SAMPLE_RATE


func _receive(hop: int, sound: PackedVector2Array) -> void:
	var missing := hop - _last_hop - 1 if _last_hop >= 0 else 0
	_last_hop = hop
	if missing > 0:
		missing_hops += missing
		_bridge(missing)
	if _is_playing and _to_cut > 0:
		_cut_into(sound)
	else:
		_queue.append_array(sound)
	if _is_playing:
		_measure_surplus()


## Time passed without sound: end what there is softly, and keep the time that the target has room for. (The
## runtime has faded in what comes next.)
func _bridge(missing: int) -> void:
	if not _is_playing:
		return
	_queue = Fades.fade_out(_queue, FADE)
	var room := _target_frames() - _level()
	_queue.append_array(Fades.silence(mini(missing * HOP_SAMPLES, room)))


func _level() -> int:
	return _capacity - _sink.free_frames() + _queue.size()


## A driver that takes sound in bursts needs a burst and a hop in stock, whatever the user would like.
func _target_frames() -> int:
	var wanted := int(minf(_target_ms * _widening, maxf(WIDEST_MS, _target_ms)) * SAMPLE_RATE / 1000.0)
	return maxi(wanted, int(_burst) + HOP_SAMPLES + FADE)


func _measure_surplus() -> void:
	var peak := _target_frames() + int((HOP_SAMPLES + _burst) / 2.0)
	var surplus := _level() - peak
	if surplus > TOO_MANY:
		_to_cut = surplus
	elif surplus > MANY:
		_to_cut = maxi(_to_cut, FADE)


func _cut_into(sound: PackedVector2Array) -> void:
	var start := maxi(0, _queue.size() - FADE)
	var tail := _queue.slice(start)
	# The overlap of the crossfade shortens the sound by as much.
	var cut := clampi(_to_cut - tail.size(), 0, sound.size() - FADE)
	_queue.resize(start)
	_queue.append_array(Fades.crossfade(tail, sound.slice(cut)))
	skipped_frames += cut + tail.size()
	_to_cut = maxi(0, _to_cut - cut - tail.size())


func _move(fill: int, now_usec: int) -> void:
	if not _is_playing:
		@warning_ignore("integer_division")
		if _queue.size() < _target_frames() + HOP_SAMPLES / 2:
			return
		_queue = Fades.fade_in(_queue, FADE)
		_is_playing = true
		_rate.restart(_target_frames())
	var count := mini(_queue.size() - FADE, _sink.free_frames())
	if count > 0:
		_sink.push(_queue.slice(0, count))
		_queue = _queue.slice(count)
	elif fill <= _burst + FADE:
		_fade_out_rest()
		_count_underrun(now_usec)


func _fade_out_rest() -> void:
	if _sink != null:
		_sink.push(Fades.fade_out(_queue, FADE).slice(0, _sink.free_frames()))
	_queue.clear()
	_is_playing = false
	_to_cut = 0


func _count_underrun(now_usec: int) -> void:
	underruns += 1
	if now_usec - _underrun_usec < TWICE_WITHIN_USEC:
		_widening = minf(_widening * 1.5, WIDEST_MS / _target_ms)
	_underrun_usec = now_usec


func _narrow(now_usec: int, elapsed_usec: int) -> void:
	if _widening > 1.0 and now_usec - _underrun_usec > CALM_USEC:
		_widening = maxf(1.0, _widening * (1.0 - 0.02 * elapsed_usec * 1e-6))


## The driver's burst is the largest fall between two close looks.
func _watch_burst(fill: int, elapsed_usec: int) -> void:
	if _fill_before < 0 or elapsed_usec > SHORT_TICK_USEC:
		return
	_burst = maxf(_fill_before - fill, _burst * (1.0 - elapsed_usec / BURST_KEPT_USEC))


func _forget_sound() -> void:
	_queue.clear()
	_is_playing = false
	_last_hop = -1
	_to_cut = 0
