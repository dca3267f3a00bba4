// Opens every sealed object of a store of seawall with AWS's own Encryption SDK, without seawall:
//   npm install @aws-crypto/client-node
//   NODE_PATH=$PWD/node_modules node open.js KEY SEALED CLEAR
// KEY is a key file, or the ARN of an AWS KMS key (credentials as AWS's tools find them). SEALED is a folder: the store
// itself, or what `aws s3 sync` made of a bucket. CLEAR is the folder to be, in which each object has the same name; what
// was not sealed is copied. Ends with 1 at the first object that does not open; nothing of it is left in CLEAR then.
const crypto = require('crypto')
const fs = require('fs')
const path = require('path')
const { pipeline } = require('stream/promises')
const sdk = require('@aws-crypto/client-node')

const [key, sealed, clear] = process.argv.slice(2)
if (!clear) {
  console.error('usage: node open.js KEY SEALED CLEAR')
  process.exit(2)
}
const { decryptStream } = sdk.buildClient(sdk.CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)

function keyring () {
  if (key.startsWith('arn:')) return new sdk.KmsKeyringNode({ keyIds: [key] })
  const file = JSON.parse(fs.readFileSync(key, 'utf8'))
  return new sdk.RawAesKeyringNode({
    keyNamespace: 'seawall-key-file',
    keyName: file.id,
    unencryptedMasterKey: new Uint8Array(Buffer.from(file.key, 'hex')), // a copy: it may not lie in a shared buffer
    wrappingSuite: sdk.RawAesWrappingSuiteIdentifier.AES256_GCM_IV12_TAG16_NO_PADDING
  })
}

// What `seawall key rewrap` wrote: further wrapped forms of a data key, by its name (docs/formats/envelope.md, "Sidecars").
class WithSidecars extends sdk.KeyringNode {
  constructor (inner) {
    super()
    this.inner = inner
  }

  async _onEncrypt () { throw new Error('this one only opens') }

  async _onDecrypt (material, wrapped) { return this.inner.onDecrypt(material, [...wrapped, ...this.rewrapped(wrapped)]) }

  rewrapped (wrapped) {
    const hash = crypto.createHash('sha256')
    for (const one of wrapped) {
      if (one.providerId === 'seawall') continue // the label, which is no key
      for (const part of [Buffer.from(one.providerId), one.rawInfo || Buffer.from(one.providerInfo), one.encryptedDataKey]) {
        const size = Buffer.alloc(4)
        size.writeUInt32LE(part.length)
        hash.update(size).update(part)
      }
    }
    const folder = path.join(sealed, 'rewrapped', hash.digest('hex').slice(0, 32))
    if (!fs.existsSync(folder)) return []
    return fs.readdirSync(folder).flatMap(name => JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8')).body.keys)
      .map(one => {
        const rawInfo = new Uint8Array(Buffer.from(one.info, 'hex'))
        return new sdk.EncryptedDataKey({
          providerId: one.provider,
          providerInfo: Buffer.from(rawInfo).toString('utf8'),
          rawInfo,
          encryptedDataKey: new Uint8Array(Buffer.from(one.ciphertext, 'hex'))
        })
      })
  }
}

function * files (folder) {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const one = path.join(folder, entry.name)
    if (entry.isDirectory()) yield * files(one)
    else yield one
  }
}

// Every message of format 2 with our suite begins so; what is kept in clear begins with a brace.
function isSealed (file) {
  const start = Buffer.alloc(3)
  const from = fs.openSync(file)
  fs.readSync(from, start, 0, 3, 0)
  fs.closeSync(from)
  return start.equals(Buffer.from([0x02, 0x04, 0x78]))
}

(async () => {
  const ring = new WithSidecars(keyring())
  let opened = 0
  for (const from of files(sealed)) {
    const to = path.join(clear, path.relative(sealed, from))
    fs.mkdirSync(path.dirname(to), { recursive: true, mode: 0o700 })
    if (!isSealed(from)) {
      fs.copyFileSync(from, to)
      continue
    }
    try {
      await pipeline(fs.createReadStream(from), decryptStream(ring), fs.createWriteStream(to, { mode: 0o600 }))
    } catch (error) {
      fs.rmSync(to, { force: true })
      console.error(`${from} does not open: ${error.message}`)
      process.exit(1)
    }
    opened += 1
  }
  console.log(`${opened} objects opened`)
})()
