#!/usr/bin/env python3
"""Phones that register again and again, each with the nonce that it has: the load of REG in bench.py.

  phones.py TARGET LOCAL PHONES RATE SECS PASSWORD [move]

PHONES users from 100000 on, whose password is PASSWORD and their own name, say at RATE a second altogether that they are still
there, after each has registered once. With `move` each says every time that it has started anew (another Call-ID), which the
exchange has to keep at once. Prints one JSON object, as sipload does. Invariant: a phone is counted answered once for each turn.
"""
import hashlib
import json
import re
import select
import socket
import sys
import time

FIRST = 100_000
# Sent before answers are read again.
BURST = 32
NONCE = re.compile(rb'nonce="([^"]+)"')
CALL_ID = re.compile(rb"Call-ID: (\d+)-")
REALM = re.compile(rb'realm="([^"]+)"')


def md5(text):
    return hashlib.md5(text.encode()).hexdigest()


class Phone:
    __slots__ = ("user", "password", "secret", "nonce", "count", "cseq", "life", "asked_at")

    def __init__(self, number, password):
        self.user = str(FIRST + number)
        self.password = password + self.user
        self.secret = self.nonce = None
        self.count = self.cseq = self.life = 0
        self.asked_at = None


class Line:
    def __init__(self, target, local, phones, password, moves):
        self.target, self.local, self.moves = target, local, moves
        host, port = target.split(":")
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
        own, own_port = local.split(":")
        self.socket.bind((own, int(own_port)))
        self.socket.connect((host, int(port)))
        self.socket.setblocking(False)
        self.phones = [Phone(number, password) for number in range(phones)]
        self.uri_hash = md5(f"REGISTER:sip:{target}")
        self.sent = self.answered = self.challenged = self.late = self.branches = 0
        self.fails, self.times = {}, []

    def turn(self, number):
        phone = self.phones[number]
        if phone.asked_at is not None:
            self.late += 1
        phone.asked_at = time.monotonic()
        phone.life += self.moves
        self.ask(number, phone)

    def ask(self, number, phone):
        phone.cseq += 1
        self.branches += 1
        proof = ""
        if phone.nonce:
            phone.count += 1
            nc = f"{phone.count:08x}"
            response = md5(f"{phone.secret}:{phone.nonce}:{nc}:c0ffee:auth:{self.uri_hash}")
            proof = (f'Authorization: Digest username="{phone.user}", realm="{self.realm}", nonce="{phone.nonce}", uri="sip:{self.target}", '
                     f'response="{response}", algorithm=MD5, cnonce="c0ffee", qop=auth, nc={nc}\r\n')
        user, target, local = phone.user, self.target, self.local
        self.socket.send((
            f"REGISTER sip:{target} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch=z9hG4bK{self.branches:x};rport\r\nMax-Forwards: 70\r\n"
            f'From: "Desk {user}" <sip:{user}@{target}>;tag=p{number}\r\nTo: "Desk {user}" <sip:{user}@{target}>\r\n'
            f"Call-ID: {number}-{phone.life}\r\nCSeq: {phone.cseq} REGISTER\r\nUser-Agent: DeskPhone T46U/108.86\r\n"
            f"Contact: <sip:{user}@{local};line=6faa1>;reg-id=1\r\nAllow: INVITE, ACK, CANCEL, BYE, REFER, NOTIFY, OPTIONS, INFO, UPDATE\r\n"
            f"{proof}Expires: 600\r\nContent-Length: 0\r\n\r\n").encode())
        self.sent += 1

    def hear(self):
        """Reads what has come."""
        while True:
            try:
                message = self.socket.recv(8192)
            except (BlockingIOError, ConnectionRefusedError):
                return
            number = int(CALL_ID.search(message)[1])
            phone = self.phones[number]
            status = message[8:11]
            if status == b"200":
                if phone.asked_at is not None:
                    self.times.append(time.monotonic() - phone.asked_at)
                    self.answered += 1
                    phone.asked_at = None
            elif status == b"401":
                self.challenged += 1
                phone.nonce, phone.count = NONCE.search(message)[1].decode(), 0
                if phone.secret is None:
                    self.realm = REALM.search(message)[1].decode()
                    phone.secret = md5(f"{phone.user}:{self.realm}:{phone.password}")
                self.ask(number, phone)
            else:
                self.fails[status.decode()] = self.fails.get(status.decode(), 0) + 1
                phone.asked_at = None

    def turns(self, count, rate):
        """So many turns, one phone after the other."""
        begun, done = time.monotonic(), 0
        while done < count:
            due = min(count, int((time.monotonic() - begun) * rate))
            for _ in range(min(BURST, due - done)):
                self.turn(done % len(self.phones))
                done += 1
            self.hear()
            if due <= done:
                select.select([self.socket], [], [], 0.001)

    def settle(self, patience):
        """Until every phone is answered."""
        until = time.monotonic() + patience
        while time.monotonic() < until and any(phone.asked_at is not None for phone in self.phones):
            select.select([self.socket], [], [], 0.05)
            self.hear()

    def forget(self):
        self.sent = self.answered = self.challenged = self.late = 0
        self.fails, self.times = {}, []


def main():
    target, local, phones, rate, secs, password, *rest = sys.argv[1:]
    line = Line(target, local, int(phones), password, "move" in rest)
    line.turns(int(phones), float(rate) / 2)
    line.settle(5)
    bound = line.answered
    line.forget()
    print(json.dumps({"bound": bound}), flush=True)
    line.turns(int(float(rate) * float(secs)), float(rate))
    line.settle(2)
    lost = sum(phone.asked_at is not None for phone in line.phones) + line.late
    if lost:
        line.fails["unanswered"] = lost
    times = sorted(line.times) or [0.0]
    at = lambda part: round(1000 * times[min(len(times) - 1, int(part * len(times)))], 3)
    print(json.dumps({"answered": line.answered, "challenged": line.challenged, "fails": line.fails,
                      "reg200": {"p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": at(1)}}))


if __name__ == "__main__":
    main()
