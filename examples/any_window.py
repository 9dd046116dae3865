"""Give sound to anything that can be seen: a video file, a webcam, a window or the whole screen.

    sr-runtime serve                                         # in another terminal: it plays the sound
    python examples/any_window.py --screen :0.0 --size 1280x720
    python examples/any_window.py --webcam /dev/video0
    python examples/any_window.py --video holiday.mp4

Any program becomes a source this way, without a plugin; a plugin in the engine has less latency.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from sr_bridge import Client

from sr_runtime.picture import stretch

HOP_HZ = 30
WEBCAM_FORMAT = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}
SCREEN_FORMAT = {"linux": "x11grab", "darwin": "avfoundation", "win32": "gdigrab"}


def open_source(options: argparse.Namespace) -> av.container.InputContainer:
    """Open what the options name; FFmpeg's devices do the grabbing."""
    if options.video:
        return av.open(str(options.video))
    rate = {"framerate": str(HOP_HZ)}
    if options.webcam:
        return av.open(options.webcam, format=WEBCAM_FORMAT[sys.platform], options=rate)
    size = {"video_size": options.size} if options.size else {}
    grab = {**rate, **size, "draw_mouse": "0"} if sys.platform == "linux" else rate
    return av.open(options.screen, format=SCREEN_FORMAT[sys.platform], options=grab)


def pictures(source: av.container.InputContainer, is_file: bool) -> Iterator[np.ndarray]:
    """Yield uint8 (height, width, 3) as they come; a file is slowed down to its own pace."""
    start_s = time.monotonic()
    for frame in source.decode(video=0):
        if is_file and frame.time is not None:
            time.sleep(max(0.0, start_s + frame.time - time.monotonic()))
        yield frame.to_ndarray(format="rgb24")


def main() -> None:
    """Send pictures until the source or the time ends."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--video", type=Path)
    what.add_argument("--webcam", help="/dev/video0, or the camera's name")
    what.add_argument("--screen", help="an X display such as :0.0+100,200; Windows: desktop; macOS: 1")
    parser.add_argument("--size", help="of the grabbed part of the screen: 1280x720")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    options = parser.parse_args()

    with open_source(options) as source, Client(play="runtime", name="any_window") as client:
        welcome = client.connect()
        end_s = time.monotonic() + options.seconds
        sent = 0
        for picture in pictures(source, is_file=options.video is not None):
            sent += client.send_frame(stretch(picture, welcome.picture_width, welcome.picture_height))
            client.poll_audio()  # keeps the connection alive; the sound itself is played by the runtime
            if time.monotonic() > end_s:
                break
        status = client.status()
    print(f"{sent} frames sent, {status.frames_used} heard, {status.underruns} underruns")


if __name__ == "__main__":
    main()
