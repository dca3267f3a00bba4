// Drives real pg-boss against a database: what pgboss_test.py asks of it. Prints one line of JSON.
//   node pgboss.js fill|work CONNECTION_STRING
const PgBoss = require('pg-boss')

async function fill (boss) {
  await boss.createQueue('mail', { retryLimit: 2 })
  await boss.createQueue('reports', { policy: 'singleton' })
  await boss.createQueue('dead')
  await boss.schedule('reports', '*/5 * * * *', { of: 'clients' }, { tz: 'Asia/Singapore' })
  for (let i = 0; i < 25; i++) await boss.send('mail', { to: i })
  await boss.send('reports', {}, { startAfter: 3600 })
  const taken = await boss.fetch('mail', { batchSize: 5 }) // these stay in flight
  const [done] = await boss.fetch('mail')
  await boss.complete('mail', done.id)
  return { taken: taken.length }
}

async function work (boss) {
  const queues = (await boss.getQueues()).map(queue => queue.name).sort()
  const schedules = await boss.getSchedules()
  const waiting = await boss.getQueueSize('mail')
  const seen = []
  await boss.work('mail', { pollingIntervalSeconds: 0.5 }, async jobs => {
    for (const job of jobs) seen.push(job.data.to)
  })
  const ids = [await boss.send('mail', { to: 'new 1' }), await boss.send('mail', { to: 'new 2' })]
  const end = Date.now() + 20000
  while (seen.length < ids.length && Date.now() < end) await new Promise(resolve => setTimeout(resolve, 100))
  return { queues, schedules, waiting, seen: seen.sort(), version: await boss.schemaVersion() }
}

async function main () {
  const [what, connectionString] = process.argv.slice(2)
  const boss = new PgBoss({ connectionString })
  const errors = []
  boss.on('error', error => errors.push(String(error)))
  await boss.start()
  const answer = await { fill, work }[what](boss)
  await boss.stop({ graceful: true, wait: true, timeout: 5000 })
  console.log(JSON.stringify({ ...answer, errors }))
}

main().catch(error => { console.error(error); process.exit(1) })
