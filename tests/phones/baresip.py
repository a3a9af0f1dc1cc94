"""Drives a real baresip (Debian's baresip-core 1.0.0) without a screen, over its ctrl_tcp door: JSON in netstrings.

What is known of 1.0.0: it hangs up when its source file ends (so the file is padded here), it cannot send INFO, its
recording `*-dec.wav` begins with the first packet received and holds the packets end to end (losses are judged by
capture), and it ignores every SIP digest challenge when SHA-256 is among them.
"""
import ctypes
import glob
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
import wave

# What a call without a file to play sends: ten minutes of silence (its module ausine refuses 8 kHz mono).
SILENCE_S = 600

CONFIG = """\
poll_method epoll
sip_listen {local}:{sip}
call_local_timeout 120
call_max_calls 8
audio_player aubridge,sink
audio_source aufile,{source}
audio_alert aubridge,alert
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
audio_buffer 20-160
rtp_ports 10000-15999
rtp_stats yes
jitter_buffer_delay 0-0
net_interface {local}
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module aubridge.so
module sndfile.so
snd_path {dir}/rec
module_tmp uuid.so
module_tmp account.so
module_app contact.so
module_app menu.so
module_app ctrl_tcp.so
{modules}statmode_default off
ctrl_tcp_listen 127.0.0.1:{control}
"""


def free_port(address="127.0.0.1", kind=socket.SOCK_STREAM):
    """A port that nobody had a moment ago."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


def dies_with_us():
    """For a child: a driver that is killed takes its phone with it, as suddenly."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)   # PR_SET_PDEATHSIG


class Baresip:
    """One running phone with one account."""

    def __init__(self, user, host, port, password="", *, folder=None, play=None, over_and_over=False, transport="udp",
                 register=True, codecs="PCMA/8000/1,PCMU/8000/1", local="127.0.0.1", modules=()):
        self.dir = folder or tempfile.mkdtemp(prefix=f"baresip-{user}-")
        os.makedirs(self.dir + "/rec", exist_ok=True)
        self.control_port = free_port()
        self.events, self.buffer, self.commands, self.door = [], b"", 0, None
        with open(self.dir + "/config", "w") as config:
            config.write(CONFIG.format(local=local, sip=free_port(local, socket.SOCK_DGRAM), dir=self.dir,
                                       control=self.control_port, source=self.padded(play, over_and_over),
                                       modules="".join(f"module_app {name}.so\n" for name in modules)))
        by = f";transport={transport}" if transport != "udp" else ""
        with open(self.dir + "/accounts", "w") as accounts:
            accounts.write(f"<sip:{user}@{host}:{port}{by}>;auth_user={user};auth_pass={password}"
                           f";regint={60 if register else 0};answermode=manual;audio_codecs={codecs}\n")
        open(self.dir + "/contacts", "w").close()
        environment = dict(os.environ)
        if local != "127.0.0.1":
            environment.update(LD_PRELOAD=self.bound_here(), BIND_HERE=local)
        self.log = open(self.dir + "/log", "wb")
        self.process = subprocess.Popen(["baresip", "-4", "-n", local, "-f", self.dir] + (["-s"] if os.environ.get("SIPTRACE") else []),
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT, env=environment,
                                        preexec_fn=dies_with_us)
        until = time.time() + 10
        while self.door is None:
            try:
                self.door = socket.create_connection(("127.0.0.1", self.control_port), 1)
            except OSError:
                if time.time() > until or self.process.poll() is not None:
                    self.close()
                    raise RuntimeError(f"baresip did not start, see {self.dir}/log")
                time.sleep(0.05)

    def bound_here(self):
        """The library that makes its RTP come from its own address (see bind_here.c), compiled for this phone."""
        library = self.dir + "/bind_here.so"
        source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "bind_here.c")
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
        return library

    def padded(self, path, over_and_over):
        """A copy of a mono 16-bit WAV (or of nothing) with a long silence behind it, or itself again and again."""
        copy = self.dir + "/source.wav"
        with wave.open(copy, "wb") as out:
            out.setparams((1, 2, 8000, 0, "NONE", ""))
            said = b""
            if path:
                with wave.open(path) as source:
                    out.setparams(source.getparams())
                    said = source.readframes(source.getnframes())
            second = bytes(2 * out.getframerate())
            times = SILENCE_S * len(second) // len(said) if said and over_and_over else 1
            out.writeframes(said * times + second * (SILENCE_S if times == 1 else 1))
        return copy

    def read(self, seconds):
        self.door.settimeout(max(seconds, 0.01))
        try:
            heard = self.door.recv(65536)
        except (TimeoutError, BlockingIOError):
            return
        if not heard:
            raise RuntimeError(f"baresip died, see {self.dir}/log")
        self.buffer += heard
        while match := re.match(rb"(\d+):", self.buffer):
            length, start = int(match[1]), match.end()
            if len(self.buffer) < start + length + 1:
                break
            event = json.loads(self.buffer[start:start + length].decode(errors="replace"))
            self.buffer = self.buffer[start + length + 1:]
            event["_t"] = time.time()
            self.events.append(event)

    def command(self, name, params=None, timeout=5):
        """Says something to the phone and waits for its answer."""
        self.commands += 1
        token = f"t{self.commands}"
        message = {"command": name, "token": token}
        if params is not None:
            message["params"] = params
        raw = json.dumps(message).encode()
        self.door.sendall(b"%d:%s," % (len(raw), raw))
        until = time.time() + timeout
        while time.time() < until:
            for event in self.events:
                if event.get("response") and event.get("token") == token:
                    self.events.remove(event)
                    return event
            self.read(until - time.time())
        raise TimeoutError(name)

    def wait(self, kinds, timeout):
        """The first event of these kinds (CALL_ESTABLISHED, CALL_CLOSED, ...), taken out; None when it does not come."""
        until = time.time() + timeout
        while True:
            for event in self.events:
                if event.get("type") in kinds:
                    self.events.remove(event)
                    return event
            if time.time() >= until:
                return None
            self.read(until - time.time())

    def listen(self, seconds):
        """Stays in the call; returns early, and False, when the other side ends it."""
        until = time.time() + seconds
        while (left := until - time.time()) > 0:
            self.read(left)
            if self.hung_up():
                return False
        return not self.hung_up()

    def hung_up(self):
        return any(event.get("type") == "CALL_CLOSED" for event in self.events)

    def registered(self, timeout=5):
        """The registration may be older than our door, so ask for it instead of waiting for its event."""
        until = time.time() + timeout
        while time.time() < until:
            said = re.sub(r"\x1b\[[0-9;]*m", "", self.command("reginfo", timeout=timeout)["data"])
            if re.search(r"\sOK\s", said):
                return True
            if re.search(r"\sERR\s", said):
                return False
            self.read(0.1)
        return False

    def recordings(self):
        """What was heard, per call, oldest first."""
        return sorted(glob.glob(self.dir + "/rec/*-dec.wav"), key=os.path.getmtime)

    def close(self):
        if self.door:
            self.door.close()
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
