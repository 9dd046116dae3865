## What every unit test extends: checks that note their failure and go on.
extends RefCounted

var failures := PackedStringArray()
var checks := 0
var tree: SceneTree


## Note a failure unless [param fact] holds.
func check(fact: bool, what: String) -> void:
	checks += 1
	if not fact:
		failures.append(what)


## Note a failure unless both are the same, type and all.
func check_equal(got: Variant, wanted: Variant, what: String = "") -> void:
	checks += 1
	if typeof(got) != typeof(wanted) or got != wanted:
		failures.append("%s: expected %s, got %s" % [what, var_to_str(wanted).left(400), var_to_str(got).left(400)])


## Note a failure unless [param got] is within [param tolerance] of [param wanted].
func check_near(got: float, wanted: float, tolerance: float, what: String) -> void:
	checks += 1
	if not absf(got - wanted) <= tolerance:
		failures.append("%s: expected %f ± %f, got %f" % [what, wanted, tolerance, got])
