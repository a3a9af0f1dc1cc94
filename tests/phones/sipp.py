#!/usr/bin/env python3
"""Drives a real SIPp (Debian's sip-tester 3.6.1): writes the XML of a scenario from a list of steps and runs it.

  sipp.py register HOST PORT USER PASSWORD
  sipp.py call     HOST PORT USER PASSWORD EXTENSION --steps 'wait=2,info=1,wait=1,dtmf=9,wait=2,bye'
  sipp.py agent    HOST PORT USER PASSWORD --ring 2 --steps 'play=hello.wav,wait=3,hold,wait=2,resume,wait_bye=30'

Steps, comma-separated: wait=SECONDS  info=DIGITS (SIP INFO, application/dtmf-relay)  dtmf=DIGITS (RFC 4733)  play=WAV (over and
  over)  hold  resume (re-INVITE)  refer=EXTENSION (blind; goes on when a NOTIFY has told of the 200)  bye  wait_bye=SECONDS (the other
  side ends the call). A caller whose steps do not end the call ends it with bye, an agent waits for the other side.
An agent registers, says {"ready": true}, rings for --ring seconds, and answers as --answer says; who is cancelled meanwhile, stops.
At the end one JSON object is printed: the exit status of SIPp (0: all calls went as written), its errors, every answer that it
received, such as "401 2 INVITE", and what it was told of a transfer, such as "100 Trying". The exit status is SIPp's. A refusal that was not expected it may ignore until it gives up.

What is known of 3.6.1: no TLS, no SHA-256 digest; all its calls share one RTP port; its own play_dtmf is malformed and its stock
DTMF captures repeat sequence numbers, so `dtmf` writes a correct burst itself, with a SSRC of its own as SIPp has it.
"""
import argparse
import json
import os
import random
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time

from baresip import dies_with_us

KEYS = "0123456789*#ABCD"
EVENT = 101   # the payload type offered for telephone-event
LAW = {"PCMA": 8, "PCMU": 0}
EMPTY = "Content-Length: 0\n"
OK = f"SIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\n{EMPTY}"
PAUSE_BETWEEN_DIGITS_MS = 250
MAX_TOLD = 6   # NOTIFYs of one transfer


class Scenario:
    def __init__(self, ask, folder):
        self.ask, self.folder = ask, folder
        self.domain = f"{ask.host}:{ask.port}"
        self.cseq, self.version, self.ended = 1, 1, False
        self.via = "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport\n"
        self.contact = f"Contact: <sip:{ask.user}@[local_ip]:[local_port];transport=[transport]>\nMax-Forwards: 70\n"
        self.caller = f"From: <sip:{ask.user}@{self.domain}>;tag=[call_number]u[pid]\n"
        self.parties = f"{self.caller}To: <sip:{ask.extension}@{self.domain}>[peer_tag_param]\n"

    def send(self, text, retransmit=True):
        text = text.strip() + ("" if "\n\n" in text.strip() else "\n")
        timer = ' retrans="500"' if retransmit else ""
        return f"<send{timer}><![CDATA[\n{text}\n]]></send>\n"

    def receive(self, what, **options):
        kind = "request" if what.isalpha() else "response"
        extra = "".join(f' {name}="{value}"' for name, value in options.items())
        return f'<recv {kind}="{what}"{extra}/>\n'

    def sdp(self, direction="sendrecv"):
        law = LAW[self.ask.codec]
        return (f"Content-Type: application/sdp\nContent-Length: [len]\n\n"
                f"v=0\no=sipp 1 {self.version} IN IP4 [media_ip]\ns=-\nc=IN IP4 [media_ip]\nt=0 0\n"
                f"m=audio [rtpstream_audio_port] RTP/AVP {law} {EVENT}\na=rtpmap:{law} {self.ask.codec}/8000\n"
                f"a=rtpmap:{EVENT} telephone-event/8000\na=fmtp:{EVENT} 0-15\na=ptime:20\n"
                f"a=x-audio-mp:[media_port]\na={direction}\n")   # the media port must be named, or SIPp opens none for captures

    def within(self, method, body=EMPTY, retransmit=True, cseq=None):
        """A request inside the dialog."""
        if cseq is None:
            self.cseq += 1
        return self.send(f"{method} [next_url] SIP/2.0\n{self.via}{self.parties}"
                         f"Call-ID: [call_id]\nCSeq: {cseq or self.cseq} {method}\n[routes]\n{self.contact}{body}", retransmit)

    def provisional(self):
        return "".join(self.receive(code, optional="true") for code in ("100", "180", "183"))

    def register(self):
        def attempt(number, credentials):
            return self.send(f"REGISTER sip:{self.domain} SIP/2.0\n{self.via}{self.caller}To: <sip:{self.ask.user}@{self.domain}>\n"
                             f"Call-ID: [call_id]\nCSeq: {number} REGISTER\n{self.contact}{credentials}Expires: 300\n{EMPTY}")
        return attempt(1, "") + self.receive("401", auth="true") + attempt(2, "[authentication]\n") + self.receive("200")

    def invite(self, number, credentials):
        return self.send(f"INVITE sip:{self.ask.extension}@{self.domain} SIP/2.0\n{self.via}{self.caller}To: <sip:{self.ask.extension}@{self.domain}>\n"
                         f"Call-ID: [call_id]\nCSeq: {number} INVITE\n{self.contact}{credentials}{self.sdp()}")

    def call(self):
        xml = self.invite(1, "")
        if not self.ask.no_auth:
            xml += self.receive("100", optional="true") + self.receive("401", auth="true")
            xml += self.send(f"ACK sip:{self.ask.extension}@{self.domain} SIP/2.0\n{self.via}{self.caller}[last_To:]\nCall-ID: [call_id]\n"
                             f"CSeq: 1 ACK\nMax-Forwards: 70\n{EMPTY}", False)
            xml += self.invite(2, "[authentication]\n")
            self.cseq = 2
        xml += self.provisional() + self.receive("200", rrs="true") + self.within("ACK", retransmit=False, cseq=self.cseq)
        xml += self.steps()
        return xml if self.ended else xml + self.step("bye", "")

    def steps(self):
        steps = (step.partition("=") for step in filter(None, self.ask.steps.split(",")))
        return "".join(self.step(verb, value) for verb, _, value in steps)

    def respond(self, status, reason, extra="", body=EMPTY, cseq="[last_CSeq:]", retransmit=False):
        """An answer to the request that came last, or to another one of the same transaction."""
        contact = self.contact if status < 300 else ""
        return self.send(f"SIP/2.0 {status} {reason}\n[last_Via:]\n[last_From:]\n[last_To:];tag={self.tag}\n[last_Call-ID:]\n"
                         f"{cseq}\n{contact}{extra}{body}", retransmit)

    def agent(self):
        # Who is called and says something of its own changes sides: its To is what the INVITE said of it, with our tag.
        self.tag, self.parties = "[call_number]a[pid]", "From: [$mine]\nTo: [$peer]\n"
        keep = "".join(f'<ereg regexp=".*" search_in="hdr" header="{header}:" assign_to="{name}"/>'
                       for header, name in (("From", "peer"), ("To", "to"), ("CSeq", "cseq")))
        xml = (f'<recv request="INVITE" rrs="true"><action>{keep}<assignstr assign_to="mine" value="[$to];tag={self.tag}"/></action></recv>\n'
               '<Reference variables="to,mine,peer,cseq"/>\n')
        if self.ask.answer == "silent":
            return xml + pause(self.ask.seconds * 1000)
        xml += self.respond(180, "Ringing")
        if ring := int(self.ask.ring * 1000):
            xml += self.receive("CANCEL", timeout=ring, ontimeout="answer") + self.cancelled() + '<label id="answer"/>\n'
        if self.ask.answer.isdigit():
            moved = f"Contact: <sip:elsewhere@{self.domain}>\n" if self.ask.answer == "302" else ""
            return xml + self.respond(int(self.ask.answer), "No", moved) + self.receive("ACK") + '<label id="end"/>\n'
        body = {"good": self.sdp(), "no-audio": self.sdp().replace("m=audio", "m=image"),
                "unknown": self.sdp().replace(f"RTP/AVP {LAW[self.ask.codec]}", "RTP/AVP 97").replace(
                    f"a=rtpmap:{LAW[self.ask.codec]} {self.ask.codec}", "a=rtpmap:97 nonsense")}[self.ask.answer]
        xml += self.respond(200, "OK", body=body, retransmit=True) + self.receive("ACK") + self.steps()
        return (xml if self.ended else xml + self.step("wait_bye", self.ask.seconds)) + '<label id="end"/>\n'

    def cancelled(self):
        return self.respond(200, "OK") + self.respond(487, "Request Terminated", cseq="CSeq: [$cseq]") + self.receive("ACK", next="end")

    def step(self, verb, value):
        if verb == "wait":
            return pause(float(value) * 1000)
        if verb == "info":
            return "".join(self.within("INFO", f"Content-Type: application/dtmf-relay\nContent-Length: [len]\n\nSignal={digit}\nDuration=160\n")
                           + self.receive("200") + pause(PAUSE_BETWEEN_DIGITS_MS) for digit in value)
        if verb == "dtmf":
            return f'<nop><action><exec play_pcap_audio="{self.burst(value)}"/></action></nop>\n' + pause(len(value) * 240 + 100)
        if verb == "play":
            return f'<nop><action><exec rtp_stream="{self.raw(value)},-1,{LAW[self.ask.codec]}"/></action></nop>\n'
        if verb in ("hold", "resume"):
            self.version += 1
            xml = self.within("INVITE", self.sdp("sendonly" if verb == "hold" else "sendrecv"))
            return xml + self.receive("100", optional="true") + self.receive("200") + self.within("ACK", retransmit=False, cseq=self.cseq)
        if verb == "refer":
            return self.within("REFER", f"Refer-To: <sip:{value}@{self.domain}>\n{EMPTY}") + self.receive("202") + self.told()
        if verb == "bye":
            self.ended = True
            return self.within("BYE") + self.receive("200")
        if verb == "wait_bye":
            self.ended = True
            return self.receive("BYE", timeout=int(float(value) * 1000)) + self.send(OK, False)
        raise SystemExit(f"no such step: {verb}")

    def told(self):
        """NOTIFYs until one says 200. Each is looked at by SIPp itself: a sipfrag (RFC 3515 section 2.4.4), of an active or ended
        subscription, that has not failed. There is no loop: no step but one that receives may stand where a message can come."""
        def looks(expression, where, name):
            return f'<ereg regexp="{expression}" {where} check_it="true" assign_to="{name}"/>'
        header = 'search_in="hdr" header="{}:"'.format
        look = (looks("message/sipfrag", header("Content-Type"), "kind") + looks("refer", header("Event"), "event")
                + looks("(active|terminated)", header("Subscription-State"), "lives") + looks("^SIP/2.0 (100|18.|200)", 'search_in="body"', "told")
                + '<ereg regexp="^SIP/2.0 200" search_in="body" assign_to="done"/>')
        one = f'<recv request="NOTIFY"><action>{look}</action></recv>\n' + self.send(OK, False).replace("<send>", '<send next="told" test="done">')
        return one * MAX_TOLD + '<label id="told"/>\n<Reference variables="kind,event,lives"/>\n'

    def raw(self, path):
        """A WAV as SIPp plays it: bare G.711."""
        law = {"PCMA": "a-law", "PCMU": "u-law"}[self.ask.codec]
        out = f"{self.folder}/{os.path.basename(path)}.{law}"
        subprocess.run(["sox", path, "-t", "raw", "-r", "8000", "-c", "1", "-e", law, "-b", "8", out], check=True)
        return out

    def burst(self, digits, press_ms=160, gap_ms=80):
        """RFC 4733 digits as a capture for play_pcap_audio: fresh SSRC, sequence and timestamps, the end sent three times."""
        dice = random.Random(f"{digits}{self.cseq}{len(os.listdir(self.folder))}")
        sequence, timestamp, ssrc, at_ms, records = dice.randrange(30000), dice.randrange(2 ** 31), dice.getrandbits(32), 0, []
        for digit in digits:
            frames = press_ms // 20
            for frame in range(frames + 3):
                end = frame >= frames
                payload = struct.pack(">BBHIIBBH", 0x80, (0x80 if frame == 0 else 0) | EVENT, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc,
                                      KEYS.index(digit.upper()), (0x80 if end else 0) | 10, min((frame + 1) * 160, press_ms * 8))
                sequence += 1
                udp = struct.pack(">HHHH", 5000, 5000, 8 + len(payload), 0) + payload
                ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1") + udp
                records.append(struct.pack("<IIII", at_ms // 1000, at_ms % 1000 * 1000, 14 + len(ip), 14 + len(ip)) + bytes(12) + b"\x08\0" + ip)
                at_ms += 2 if end else 20
            timestamp += (press_ms + gap_ms) * 8
            at_ms += gap_ms - 20
        path = f"{self.folder}/digits{len(os.listdir(self.folder))}.pcap"
        with open(path, "wb") as file:
            file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + b"".join(records))
        return path


def answers(path):
    """Status and CSeq of every response in SIPp's own log of messages, repetitions left out."""
    with open(path, errors="replace") as file:
        received = re.findall(r"message received [^\n]*\n\n(SIP/2.0 .*?\n)\n", file.read().replace("\r", ""), re.S)
    seen = [f"{response[8:11]} {re.search(r'^CSeq: *(.*)$', response, re.M | re.I)[1]}" for response in received]
    return [answer for number, answer in enumerate(seen) if answer not in seen[:number]]


def told(path):
    """What every NOTIFY of a transfer in that log said, repetitions left out."""
    with open(path, errors="replace") as file:
        return list(dict.fromkeys(re.findall(r"^NOTIFY .*?\n\nSIP/2.0 (.*?)\n", file.read().replace("\r", ""), re.S | re.M)))


def pause(milliseconds):
    return f'<pause milliseconds="{int(milliseconds)}"/>\n'


def write(folder, name, xml):
    file = f"{folder}/{name}.xml"
    with open(file, "w") as out:
        out.write(f'<?xml version="1.0" encoding="ISO-8859-1"?>\n<!DOCTYPE scenario SYSTEM "sipp.dtd">\n<scenario name="{name}">\n{xml}</scenario>\n')
    return file


def start(ask, folder, name, xml, calls):
    """A running SIPp, which dies with us."""
    command = ["sipp", f"{ask.host}:{ask.port}", "-sf", write(folder, name, xml), "-i", ask.local, "-mi", ask.local, "-p", str(ask.local_port),
               "-mp", str(ask.media_port), "-t", {"udp": "u1", "tcp": "t1"}[ask.transport], "-au", ask.user, "-ap", ask.password, "-m", str(calls),
               "-r", str(ask.rate), "-nostdin", "-timeout", str(ask.seconds), "-timeout_error", "-trace_err", "-error_file", f"{folder}/errors",
               "-trace_msg", "-message_file", f"{folder}/{name}.messages"]
    if name == "agent":
        command.append("-aa")   # OPTIONS are answered, whatever the scenario waits for
    with open(f"{folder}/{name}.screen", "wb") as screen:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=screen, stderr=subprocess.STDOUT, preexec_fn=dies_with_us)


def listens(process, address):
    """Waits until somebody has this UDP port; False when that somebody has died first."""
    while process.poll() is None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(address)
            except OSError:
                return True
        time.sleep(0.01)
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=["register", "call", "agent"])
    for name in ("host", "port", "user", "password"):
        parser.add_argument(name)
    parser.add_argument("extension", nargs="?")
    parser.add_argument("--steps", default="")
    parser.add_argument("--ring", type=float, default=1, help="agent: seconds")
    parser.add_argument("--answer", default="good", help="agent: good, no-audio, unknown (codec), silent, or a status such as 486")
    parser.add_argument("--local", default="127.0.0.1")
    parser.add_argument("--local-port", type=int, required=True)
    parser.add_argument("--media-port", type=int, required=True, help="even; this and the next three are used")
    parser.add_argument("--codec", choices=LAW, default="PCMA")
    parser.add_argument("--transport", choices=["udp", "tcp"], default="udp")
    parser.add_argument("--no-auth", action="store_true")
    parser.add_argument("--calls", type=int, default=1)
    parser.add_argument("--rate", type=float, default=1)
    parser.add_argument("--seconds", type=int, default=60, help="give up after this long")
    parser.add_argument("--out")
    ask = parser.parse_args()
    folder = ask.out or tempfile.mkdtemp(prefix="sipp-")
    os.makedirs(folder, exist_ok=True)
    scenario = Scenario(ask, folder)
    said, name = {"dir": folder}, ask.mode
    if name == "agent":
        said["registered"] = start(ask, folder, "register", scenario.register(), 1).wait() == 0
    sipp = start(ask, folder, name, getattr(scenario, name)(), ask.calls)
    if name == "agent":
        print(json.dumps({"ready": listens(sipp, (ask.local, ask.local_port)), "registered": said["registered"]}), flush=True)
    said.update(status=sipp.wait(), answers=answers(f"{folder}/{name}.messages"), told=told(f"{folder}/{name}.messages"))
    if os.path.exists(f"{folder}/errors"):
        with open(f"{folder}/errors", errors="replace") as errors:
            said["errors"] = errors.read(1500)
    print(json.dumps(said))
    sys.exit(said["status"])


main()
