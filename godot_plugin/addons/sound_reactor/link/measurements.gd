## What a link keeps count of besides its thread, and how all of it becomes one [SoundReactorStatistics]. Main thread.
extends RefCounted

const MainThreadCost := preload("main_thread_cost.gd")
const PlayoutLine := preload("../audio/playout_line.gd")

## Numbers of the link's thread that are handed on as they are.
const OF_THREAD: Array[String] = [
	"sessions", "frames_sent", "frames_skipped", "frames_rejected", "hops_received", "round_trip_ms", "clock_offset_ms",
]

var main_thread := MainThreadCost.new()
var frames_captured := 0
## The runtime's newest status.
var runtime_status := {}


## Return everything; [param numbers] are the thread's, [param lines] those of the players.
func gather(numbers: Dictionary, lines: Array[PlayoutLine]) -> SoundReactorStatistics:
	var result := SoundReactorStatistics.new()
	for key in OF_THREAD:
		if key in numbers:
			result.set(key, numbers[key])
	result.frames_captured = frames_captured
	result.runtime_status = runtime_status
	for line in lines:
		result.hops_missing = maxi(result.hops_missing, line.missing_hops)
		result.underruns += line.underruns
		result.level_ms = maxf(result.level_ms, line.level_ms())
		result.skipped_ms = maxf(result.skipped_ms, line.skipped_frames * 1000.0 / PlayoutLine.SAMPLE_RATE)
	var arrivals: PackedFloat32Array = numbers.get("arrival_ms", PackedFloat32Array())
	result.frame_to_arrival_ms = SoundReactorStatistics.quantile(arrivals, 0.5)
	if result.level_ms > 0.0:
		result.frame_to_sample_ms = result.frame_to_arrival_ms + result.level_ms + AudioServer.get_output_latency() * 1000.0
	result.main_thread_ms_p50 = main_thread.quantile_ms(0.5)
	result.main_thread_ms_p99 = main_thread.quantile_ms(0.99)
	return result
