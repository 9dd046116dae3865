## What a [SoundReactorLink] has measured so far; see [method SoundReactorLink.get_statistics].
class_name SoundReactorStatistics
extends RefCounted

## Sessions opened so far; more than 1 means that the link has reconnected.
var sessions := 0
## Pictures captured and offered to the link.
var frames_captured := 0
## Pictures sent.
var frames_sent := 0
## Pictures replaced by newer ones because the connection was busy or there was no session.
var frames_skipped := 0
## Pictures that the runtime could not use.
var frames_rejected := 0
## Hops of sound that came back.
var hops_received := 0
## Hops that the runtime left out: time without sound.
var hops_missing := 0
## Times that the sound ran dry in a player.
var underruns := 0
## Sound waiting in the player that has most, in ms.
var level_ms := 0.0
## Milliseconds of sound left out because too much was waiting.
var skipped_ms := 0.0
## From a picture's capture to its sound being here, median of the last 256 hops, in ms.
var frame_to_arrival_ms := 0.0
## From a picture's capture to its sound leaving the loudspeaker, as far as the engine knows, in ms.
var frame_to_sample_ms := 0.0
## The way to the runtime and back, in ms.
var round_trip_ms := 0.0
## Runtime's clock minus this game's clock, in ms.
var clock_offset_ms := 0.0
## Time that all nodes of the plugin take from the main thread per game frame, median in ms.
var main_thread_ms_p50 := 0.0
## The same, 99th percentile.
var main_thread_ms_p99 := 0.0
## The runtime's newest status, with the keys of the protocol; empty before the first.
var runtime_status := {}


## Return the value below which [param share] of the values lie; 0 for none.
static func quantile(values: PackedFloat32Array, share: float) -> float:
	if values.is_empty():
		return 0.0
	var sorted := values.duplicate()
	sorted.sort()
	return sorted[mini(int(share * sorted.size()), sorted.size() - 1)]


## Return everything as a dictionary, for logs and tests.
func to_dictionary() -> Dictionary:
	var result := {}
	for property in get_property_list():
		if property["usage"] & PROPERTY_USAGE_SCRIPT_VARIABLE:
			result[property["name"]] = get(property["name"] as String)
	return result
