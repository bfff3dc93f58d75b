"""Records a file in real time, to be killed meanwhile: arguments are media root and file."""

import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from omnisight_lab.media.recorder import Recorder
from omnisight_lab.media.source import FileSource

media_root, path = Path(sys.argv[1]), sys.argv[2]
start = datetime.now(UTC)
with FileSource(path, start) as source:
    recorder = Recorder(media_root, "camera", "recording", source.info, 60)
    for packet in source.packets():
        time.sleep(max(0.0, (packet.time - datetime.now(UTC)).total_seconds()))
        recorder.write(packet)
        sys.stdout.write(f"{(packet.time - start).total_seconds()}\n")
        sys.stdout.flush()
