// Seals and opens with AWS's own Encryption SDK: what envelope_test.py asks of it.
//   node envelope.js KEY JOBS     KEY: a key file or kms:ARN; JOBS: JSON, [{verb, in, out, suite, frame, context}]; prints one answer for each
const fs = require('fs')
const sdk = require('@aws-crypto/client-node')

const { encrypt, decrypt } = sdk.buildClient(sdk.CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)

function keyringOf (key) {
  if (key.startsWith('kms:')) {
    return new sdk.KmsKeyringNode({
      generatorKeyId: key.slice(4),
      clientProvider: sdk.getClient(sdk.KMS, {
        endpoint: process.env.AWS_ENDPOINT_URL_KMS,
        credentials: { accessKeyId: process.env.AWS_ACCESS_KEY_ID, secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY }
      })
    })
  }
  const file = JSON.parse(fs.readFileSync(key, 'utf8'))
  return new sdk.RawAesKeyringNode({
    keyNamespace: 'seawall-key-file',
    keyName: file.id,
    unencryptedMasterKey: new Uint8Array(Buffer.from(file.key, 'hex')), // a copy: it may not lie in a shared buffer
    wrappingSuite: sdk.RawAesWrappingSuiteIdentifier.AES256_GCM_IV12_TAG16_NO_PADDING
  })
}

const keyring = keyringOf(process.argv[2])
const suites = {
  '0478': sdk.AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY,
  '0578': sdk.AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY_ECDSA_P384
}

async function answer (job) {
  const input = fs.readFileSync(job.in)
  try {
    if (job.verb === 'seal') {
      const { result } = await encrypt(keyring, input,
        { suiteId: suites[job.suite], frameLength: job.frame, encryptionContext: job.context })
      fs.writeFileSync(job.out, result)
      return { ok: true }
    }
    const { plaintext, messageHeader } = await decrypt(keyring, input)
    fs.writeFileSync(job.out, plaintext)
    return { ok: true, context: messageHeader.encryptionContext, frame: messageHeader.frameLength,
      keys: messageHeader.encryptedDataKeys.map(key => key.providerId) }
  } catch (error) {
    return { ok: false, error: error.message }
  }
}

(async () => {
  const answers = []
  for (const job of JSON.parse(fs.readFileSync(process.argv[3], 'utf8'))) answers.push(await answer(job))
  console.log(JSON.stringify(answers))
})()
