#!/usr/bin/env python3
"""What the wire saw: judges the RTP of the calls in a capture, independently of every client and of the exchange.

  rtp.py CAPTURE.pcap EXCHANGE_PORT [--wav PREFIX]

The capture holds the SIP of the exchange (UDP, its port is EXCHANGE_PORT) and the RTP; the media addresses are read from the
SDP of each Call-ID, so that other traffic on the loopback is not counted. One JSON list is printed: a stream per direction, by
whom it was sent, with packets, lost, duplicated, reordered; late_ms (p50, p99, max of |arrival spacing - 20 ms| inside talk spurts); gap_ms,
the longest time without a packet, and gap_at; digits by RFC 4733, and pressed_at, when each of them (or, with either stream, of those by INFO) began; loud_until, the
last packet that is not silence; `answered`, when the call's first 200 with a description was sent, and
`began`, the first packet, in seconds. What a phone says and another one gets unchanged is followed through the exchange: `words` says to which call, how
long after the answer the first of it came out, how many packets before it never did, and how long one takes. With --wav each G.711 stream is also written as it was timed by its RTP timestamps, losses being silence.
"""
import argparse
import json
import re
import struct
import wave

import numpy as np

KEYS = "0123456789*#ABCD"
FRAME = 160


def alaw(byte):
    byte ^= 0x55
    exponent, value = (byte >> 4) & 7, ((byte & 15) << 4) + 8
    if exponent:
        value = (value + 0x100) << (exponent - 1)
    return value if byte & 0x80 else -value


def ulaw(byte):
    byte = ~byte & 0xFF
    value = ((((byte & 15) << 3) + 0x84) << ((byte >> 4) & 7)) - 0x84
    return -value if byte & 0x80 else value


DECODE = {0: np.array([ulaw(b) for b in range(256)], "<i2"), 8: np.array([alaw(b) for b in range(256)], "<i2")}


def datagrams(path):
    """(seconds, source, destination, payload) of each UDP/IPv4 datagram in a classic pcap."""
    raw = open(path, "rb").read()
    magic = {b"\xd4\xc3\xb2\xa1": ("<", 1e6), b"\x4d\x3c\xb2\xa1": ("<", 1e9), b"\xa1\xb2\xc3\xd4": (">", 1e6), b"\xa1\xb2\x3c\x4d": (">", 1e9)}
    if raw[:4] not in magic:
        raise SystemExit(f"{path}: not a classic pcap (dumpcap -P)")
    order, fraction = magic[raw[:4]]
    header = {1: 14, 113: 16, 276: 20, 101: 0, 0: 4}[struct.unpack(order + "I", raw[20:24])[0]]
    at = 24
    while at + 16 <= len(raw):
        seconds, part, kept, _ = struct.unpack(order + "IIII", raw[at:at + 16])
        packet = raw[at + 16 + header:at + 16 + kept]
        at += 16 + kept
        if len(packet) < 28 or packet[0] >> 4 != 4 or packet[9] != 17:
            continue
        length = (packet[0] & 15) * 4
        ports = struct.unpack(">HH", packet[length:length + 4])
        address = lambda b: ".".join(map(str, b))
        yield (seconds + part / fraction, (address(packet[12:16]), ports[0]), (address(packet[16:20]), ports[1]), packet[length + 8:])


def media_of(message):
    """(Call-ID, media address, payload type of telephone-event) of a SIP message with a description."""
    text = message.decode("latin-1")
    call = re.search(r"^(?:Call-ID|i)\s*:\s*(\S+)", text, re.M | re.I)
    address = re.search(r"^c=IN IP4 (\S+)", text, re.M)
    port = re.search(r"^m=audio (\d+) ", text, re.M)
    event = re.search(r"^a=rtpmap:(\d+) telephone-event/8000", text, re.M)
    if call and address and port:
        return call[1], (address[1], int(port[1])), int(event[1]) if event else None
    return None


def answers_invite(message):
    return message.startswith(b"SIP/2.0 200") and re.search(rb"^CSeq\s*:\s*\d+\s+INVITE", message, re.M | re.I)


class Stream:
    def __init__(self, call, by, source, target, event, answered):
        self.call, self.by, self.source, self.target, self.event, self.answered = call, by, source, target, event, answered
        self.packets = []   # (seconds, extended sequence, timestamp, payload type, payload)
        self.extended, self.info = None, []

    def take(self, seconds, packet):
        if len(packet) < 12 or packet[0] >> 6 != 2 or 64 <= (packet[1] & 127) <= 95:
            return
        sequence, timestamp = struct.unpack(">HI", packet[2:8])
        start = 12 + 4 * (packet[0] & 15)
        if self.extended is None:
            self.extended = sequence
        step = (sequence - self.extended + 0x8000) % 0x10000 - 0x8000
        place = self.extended + step
        self.extended = max(self.extended, place)
        self.packets.append((seconds, place, timestamp, packet[1] & 127, packet[start:]))

    def report(self):
        places = [packet[1] for packet in self.packets]
        audio = [packet for packet in self.packets if packet[3] in DECODE]
        late = [abs((b[0] - a[0]) * 1000 - 20) for a, b in zip(audio, audio[1:]) if b[1] == a[1] + 1 and (b[2] - a[2]) % 2 ** 32 == FRAME]
        digits, last, pressed = "", None, list(self.info)
        for seconds, _, timestamp, kind, payload in self.packets:
            if kind == self.event and len(payload) >= 4 and payload[0] < 16 and timestamp != last:
                digits, last = digits + KEYS[payload[0]], timestamp
                pressed.append(seconds)
        loud = max((packet[0] for packet in audio if len(set(packet[4])) > 1), default=None)
        quantile = lambda share: round(float(np.quantile(late, share)), 2) if late else None
        gap, gap_at = max(((b[0] - a[0], a[0]) for a, b in zip(self.packets, self.packets[1:])), default=(0, None))
        return dict(call=self.call, by=self.by, source="%s:%d" % self.source, target="%s:%d" % self.target, packets=len(places), audio=len(audio),
                    lost=max(places) - min(places) + 1 - len(set(places)), duplicated=len(places) - len(set(places)),
                    reordered=sum(b < a for a, b in zip(places, places[1:])), late_ms=dict(p50=quantile(0.5), p99=quantile(0.99), max=quantile(1)),
                    seconds=round(self.packets[-1][0] - self.packets[0][0], 2), digits=digits, gap_ms=round(gap * 1000, 1), gap_at=gap_at,
                    pressed_at=sorted(pressed), loud_until=loud,
                    began=self.packets[0][0], answered=self.answered)

    def words(self, others):
        """What of this phone's speech came out of the exchange unchanged, and where. Packets of one value (silence) tell nothing."""
        spoken = [packet for packet in self.packets if packet[3] in DECODE and len(set(packet[4])) > 1]
        for other in others:
            heard = {}
            for packet in other.packets:
                heard.setdefault(packet[4], []).append(packet[0])
            came = [next((at for at in heard.get(packet[4], []) if 0 <= at - packet[0] < 1), None) for packet in spoken]
            delays = [at - packet[0] for packet, at in zip(spoken, came) if at is not None]
            if len(delays) > 10:
                first = next(number for number, at in enumerate(came) if at is not None)
                after = self.answered and round((came[first] - self.answered) * 1000, 1)
                return dict(call=other.call, after_answer_ms=after, missed=first, packets=len(delays),
                            delay_ms=dict(p50=round(float(np.median(delays)) * 1000, 2), max=round(max(delays) * 1000, 2)))
        return None

    def write(self, path):
        audio = [packet for packet in self.packets if packet[3] in DECODE]
        if not audio:
            return None
        offsets = [((packet[2] - audio[0][2] + 2 ** 31) % 2 ** 32) - 2 ** 31 for packet in audio]
        first = min(offsets)
        samples = np.zeros(max(offsets) - first + FRAME, "<i2")
        for offset, packet in zip(offsets, audio):
            piece = DECODE[packet[3]][np.frombuffer(packet[4], np.uint8)][:FRAME]
            samples[offset - first:offset - first + len(piece)] = piece
        with wave.open(path, "wb") as out:
            out.setparams((1, 2, 8000, 0, "NONE", ""))
            out.writeframes(samples.tobytes())
        return path


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("capture")
    parser.add_argument("port", type=int)
    parser.add_argument("--wav")
    ask = parser.parse_args()
    seen = list(datagrams(ask.capture))
    offers, answered = {}, {}   # Call-ID -> {"phone": (address, event), "exchange": (address, event)}; -> seconds
    for seconds, source, target, payload in seen:
        if ask.port in (source[1], target[1]) and (media := media_of(payload)):
            side = "exchange" if source[1] == ask.port else "phone"
            offers.setdefault(media[0], {}).setdefault(side, media[1:])
            if answers_invite(payload):
                answered.setdefault(media[0], seconds)
    streams = {}
    for call, sides in offers.items():
        if len(sides) == 2:
            (phone, phone_event), (exchange, exchange_event) = sides["phone"], sides["exchange"]
            streams[exchange, phone] = Stream(call, "exchange", exchange, phone, phone_event, answered.get(call))
            streams[phone, exchange] = Stream(call, "phone", phone, exchange, exchange_event, answered.get(call))
    for seconds, source, target, payload in seen:
        call = re.search(rb"^(?:Call-ID|i)\s*:\s*(\S+)", payload, re.M | re.I) if payload.startswith(b"INFO ") else None
        for stream in streams.values():
            if call and target[1] == ask.port and stream.call == call[1].decode("latin-1"):
                stream.info.append(seconds)
        if (source, target) in streams:
            streams[source, target].take(seconds, payload)
    reports = []
    for number, stream in enumerate(stream for stream in streams.values() if stream.packets):
        report = stream.report()
        if stream.by == "phone":
            report["words"] = stream.words([other for other in streams.values() if other.by == "exchange" and other.call != stream.call])
        if ask.wav:
            report["wav"] = stream.write(f"{ask.wav}{number}.wav")
        reports.append(report)
    print(json.dumps(reports, indent=1))


main()
