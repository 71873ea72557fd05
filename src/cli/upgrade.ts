import type { ProcessTable } from '../control/admin/operations.ts'
import type { AdminOptions } from './admin-client.ts'
import { ADMIN_HELP, ADMIN_OPTIONS, askRouter } from './admin-client.ts'
import type { Command } from './command.ts'
import { Failure, readArguments } from './command.ts'

const POLL_MS = 200
/** A process of the new program has 30 s to begin; some more for many of them. */
const LONGEST_WAIT_MS = 600_000

export const upgrade: Command = {
  help: `usage: postern upgrade [--supervisor] [--config FILE | --admin ADDRESS]

Replaces the control process and then every worker, one at a time, by the program that is on disk now. Each is ready before the one
before it ends, and dynos run on. When one does not come up, what ran before stays, and the exit code is 1; the log says why.

  --supervisor     the supervisor, too: a second router starts beside this one, with the same sockets and dynos of its own, and takes over;
                   this one serves what it has to the end
${ADMIN_HELP}

example: postern upgrade --config /etc/postern/space.yml`,

  async run(args) {
    const { values } = readArguments(args, { ...ADMIN_OPTIONS, supervisor: { type: 'boolean' } })
    const supervisor = values.supervisor ?? false
    const before = (await askRouter('/upgrade', values, { method: 'POST', body: { supervisor } })) as ProcessTable
    for (let waitedMs = 0; waitedMs < LONGEST_WAIT_MS; waitedMs += POLL_MS) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
      const table = await askWhileControlChanges(values)
      if (table === null || table.upgrade === 'running') continue
      // One that took over knows of no upgrade.
      if (supervisor && table.upgrade === '' && !(pidOf(table) !== pidOf(before) && serves(table))) continue
      if (table.upgrade === 'failed') throw new Failure('it failed, and what ran before goes on; the log says why')
      console.log('done')
      return 0
    }
    throw new Failure('it is not done yet; postern top shows how far it is')
  },
}

function pidOf({ processes }: ProcessTable): number {
  return processes.find(({ name }) => name === 'supervisor')!.pid
}

function serves({ processes }: ProcessTable): boolean {
  return processes.some(({ name, state }) => name.startsWith('worker.') && state === 'up')
}

/** null while the admin socket goes from one control process to the next. */
async function askWhileControlChanges(options: AdminOptions): Promise<ProcessTable | null> {
  try {
    return (await askRouter('/processes', options)) as ProcessTable
  } catch (error) {
    if (error instanceof Failure) return null
    throw error
  }
}
