"""AWS's own Encryption SDK opens what we seal, and we open what it seals. No server is needed.

The SDK for JavaScript comes from npm, once, into $SEAWALL_NPM_ENVELOPE (default: a folder below the system's temporary one).
"""

import json
import os
import random
import shutil
import subprocess
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
SEAWALL = os.path.abspath(os.environ.get("SEAWALL", "build/release/seawall"))
TOOL = os.environ.get("SEAWALL_ENVELOPE_TOOL") or os.path.join(os.path.dirname(SEAWALL), "envelope_tool")
VERSION = "5.0.2"
FRAME = 65536
HEADER = 2048
CONTEXT = {"repository": "000102030405060708090a0b0c0d0e0f", "epoch": "0001", "class": "data"}
SIZES = (0, 1, FRAME - 1, FRAME, FRAME + 1, 2 * FRAME, 3 * 1024 * 1024 + 17)


def javascript_sdk():
    """The folder that has the SDK in node_modules; installed if it is not there yet."""
    folder = os.environ.get("SEAWALL_NPM_ENVELOPE") or os.path.join(
        tempfile.gettempdir(), f"seawall-npm-{os.getuid()}-client-node-{VERSION}")
    if not os.path.exists(os.path.join(folder, "node_modules", "@aws-crypto", "client-node", "package.json")):
        staging = tempfile.mkdtemp(prefix="seawall-npm-")
        os.chmod(staging, 0o755)  # tests that become another user read it, too
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--prefix", staging, f"@aws-crypto/client-node@{VERSION}"],
                       cwd=staging, timeout=300, check=True, stdout=subprocess.DEVNULL)
        try:
            os.rename(staging, folder)
        except OSError:  # another run was first
            shutil.rmtree(staging)
    return folder


class Envelope(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.npm = javascript_sdk()
        seed = int(os.environ.get("SEAWALL_SEED") or random.randrange(10 ** 6))
        print(f"SEAWALL_SEED={seed}", flush=True)
        cls.dice = random.Random(seed)

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="seawall-envelope-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.key = self.path("key")
        self.tool("create", self.key)

    def path(self, name):
        return os.path.join(self.folder, name)

    def tool(self, *arguments, data=b"", check=True):
        done = subprocess.run([TOOL, *arguments], input=data, capture_output=True, timeout=60)
        if check:
            self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def seal(self, plain, context=CONTEXT):
        return self.tool("seal", self.key, *(f"{name}={value}" for name, value in context.items()), data=plain).stdout

    def javascript(self, jobs):
        """What the SDK made of each (verb, input, options): its answer, with the bytes it wrote as `bytes`."""
        asked = []
        for number, (verb, data, options) in enumerate(jobs):
            with open(self.path(f"{number}.in"), "wb") as file:
                file.write(data)
            asked.append({"verb": verb, "in": file.name, "out": self.path(f"{number}.out"), **options})
        with open(self.path("jobs"), "w", encoding="utf-8") as file:
            json.dump(asked, file)
        done = subprocess.run(["node", os.path.join(HERE, "envelope.js"), self.key, file.name], capture_output=True, timeout=120,
                              env={**os.environ, "NODE_PATH": os.path.join(self.npm, "node_modules"), "NODE_NO_WARNINGS": "1"})
        self.assertEqual(done.returncode, 0, done.stderr)
        answers = json.loads(done.stdout)
        for job, answer in zip(asked, answers):
            if answer["ok"]:
                with open(job["out"], "rb") as file:
                    answer["bytes"] = file.read()
        self.assertEqual(len(answers), len(jobs))
        return answers

    def test_the_sdk_opens_what_we_seal(self):
        plains = [self.dice.randbytes(size) for size in SIZES]
        sealed = [self.seal(plain) for plain in plains]
        for plain, message, answer in zip(plains, sealed, self.javascript([("open", message, {}) for message in sealed])):
            frames = max(1, -(-len(plain) // FRAME))
            self.assertEqual(len(message), HEADER + len(plain) + 32 * frames + 8)
            self.assertTrue(answer["ok"], answer)
            self.assertTrue(answer["bytes"] == plain, len(plain))
            self.assertEqual(answer["context"], CONTEXT)
            self.assertEqual(answer["frame"], FRAME)
            self.assertEqual(answer["keys"], ["seawall-key-file", "seawall"])  # it passed over the label

    def test_the_sdk_covers_the_label_too(self):
        message = bytearray(self.seal(b"plain"))
        at = message.index(b"\0\7seawall\0\5label") + 16
        jobs = []
        for flip in (at + 2, at + 20, at + 40, at + 45, HEADER - 60):  # digest, nonce, size, format, padding
            changed = bytearray(message)
            changed[flip] ^= 1
            jobs.append(("open", bytes(changed), {}))
        for answer in self.javascript(jobs):
            self.assertFalse(answer["ok"])

    def test_we_open_what_the_sdk_seals(self):
        jobs, sizes = [], []
        for suite in ("0478", "0578"):
            for frame in (1024, 4096, FRAME):
                for size in (0, 1, frame - 1, frame, frame + 1, 3 * frame, 3 * frame + 5, 2 * 1024 * 1024):
                    if size // frame <= 600:
                        jobs.append(("seal", self.dice.randbytes(size), {"suite": suite, "frame": frame, "context": CONTEXT}))
        for (_, plain, options), answer in zip(jobs, self.javascript(jobs)):
            self.assertTrue(answer["ok"], answer)
            message = answer["bytes"]
            self.assertEqual(message[1:3].hex(), options["suite"])
            arguments = [f"{name}={value}" for name, value in CONTEXT.items()]
            self.assertTrue(self.tool("open", self.key, *arguments, data=message).stdout == plain, (options, len(plain)))
            sizes.append(len(plain))
            self.refused(message)
            if options["suite"] == "0478":
                self.ranges(message, plain)
            else:
                with open(self.path("signed"), "wb") as file:
                    file.write(message)
                self.assertIn(self.tool("range", self.key, file.name, "0", "0", check=False).returncode, (2, 7))
        self.assertGreater(len(sizes), 40)

    def refused(self, message):
        """Cut, lengthened (which the SDK lets pass) and flipped messages; whatever was printed before is not trusted."""
        flipped = bytearray(message)
        flipped[self.dice.randrange(len(message) // 2, len(message))] ^= 1 << self.dice.randrange(8)
        for bad in (message[:-1], message[:self.dice.randrange(len(message))], message + b"\0", bytes(flipped)):
            done = self.tool("open", self.key, data=bad, check=False)
            self.assertIn(done.returncode, (2, 4, 7), done.stderr)

    def ranges(self, message, plain):
        with open(self.path("sealed"), "wb") as file:
            file.write(message)
        for _ in range(2):
            offset = self.dice.randrange(len(plain) + 1)
            count = self.dice.randrange(len(plain) - offset + 1)
            got = self.tool("range", self.key, file.name, str(offset), str(count)).stdout
            self.assertTrue(got == plain[offset:offset + count], (offset, count))

    def test_a_signature_that_is_not_right_releases_no_last_frame(self):
        plain = self.dice.randbytes(3000)
        message = self.javascript([("seal", plain, {"suite": "0578", "frame": 1024, "context": {}})])[0]["bytes"]
        length = len(message) - 1
        for at in (length, length - 40, length - 90):  # all within the signature
            bad = bytearray(message)
            bad[at] ^= 1
            done = self.tool("open", self.key, data=bytes(bad), check=False)
            self.assertEqual(done.returncode, 7, done.stderr)
            self.assertEqual(done.stdout, plain[:2048])

    def test_another_key_and_another_context_are_refused_in_words(self):
        message = self.seal(b"plain")
        other = self.path("other")
        self.tool("create", other)
        done = self.tool("open", other, data=message, check=False)
        self.assertEqual(done.returncode, 4)
        self.assertIn(b"the message was sealed for seawall-key-file ", done.stderr)
        done = self.tool("open", self.key, "class=index", data=message, check=False)
        self.assertEqual(done.returncode, 7)
        self.assertIn(b"the message was sealed for class 'data', not 'index'", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
