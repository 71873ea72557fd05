#!/usr/bin/env node
/**
 * The command line. Nothing is imported before the version of Node is known: an older one could not even parse the rest,
 * and would say so in words that help nobody.
 */
const OLDEST_NODE = [22, 19]

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < OLDEST_NODE[0]! || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1]!)) {
  console.error(`postern: needs Node ${OLDEST_NODE.join('.')} or newer; this is ${process.versions.node}`)
  process.exitCode = 1
} else {
  const { ownRole } = await import('./process/child.ts')
  const role = ownRole()
  if (role === 'control') {
    const { runControl } = await import('./process/control.ts')
    runControl()
  } else if (role === 'worker') {
    const { runWorker } = await import('./process/worker.ts')
    runWorker()
  } else if (role === 'supervisor') {
    const { succeed } = await import('./cli/start.ts')
    process.exitCode = await succeed(process.argv.slice(2))
  } else {
    const { main } = await import('./cli/main.ts')
    process.exitCode = await main(process.argv.slice(2))
  }
}

export {}
