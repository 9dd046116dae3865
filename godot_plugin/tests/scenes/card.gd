## A test card: four quarters of known colours, fine stripes in the last, and a brightness that counts frames.
extends Node

const RED := Color8(200, 40, 30)
const GREEN := Color8(40, 180, 60)
const BLUE := Color8(50, 70, 220)


func _ready() -> void:
	var layer := CanvasLayer.new()
	add_child(layer)
	_add_rect(layer, Rect2(0.0, 0.0, 0.5, 0.5), RED)
	_add_rect(layer, Rect2(0.5, 0.0, 0.5, 0.5), GREEN)
	_add_rect(layer, Rect2(0.0, 0.5, 0.5, 0.5), BLUE)
	# Black and white columns of one 320th: a mean over pixels is grey, picking single pixels is not.
	for column in 80:
		_add_rect(layer, Rect2(0.5 + column / 160.0, 0.5, 0.5 / 160.0, 0.5), Color.WHITE)
		_add_rect(layer, Rect2(0.5 + (column + 0.5) / 160.0, 0.5, 0.5 / 160.0, 0.5), Color.BLACK)


func _add_rect(layer: CanvasLayer, area: Rect2, color: Color) -> void:
	var rect := ColorRect.new()
	rect.color = color
	rect.set_anchor(SIDE_LEFT, area.position.x)
	rect.set_anchor(SIDE_TOP, area.position.y)
	rect.set_anchor(SIDE_RIGHT, area.end.x)
	rect.set_anchor(SIDE_BOTTOM, area.end.y)
	layer.add_child(rect)
