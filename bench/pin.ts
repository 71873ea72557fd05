import { readFileSync } from 'node:fs'
import { findProgram } from './programs.ts'

/**
 * Which cores the parties of a measurement run on. A contender always has one core to itself: the figures are per core. The dyno and the
 * load share what is left, each with its own core from three on.
 */
export interface Pinning {
  readonly contender: readonly number[]
  readonly dyno: readonly number[]
  readonly load: readonly number[]
  /** False where there is nothing to pin with, or only one core: figures are then rough, and the report says so. */
  readonly pinned: boolean
  /** One sentence for the report. */
  readonly description: string
}

export function choosePinning(): Pinning {
  const cores = allowedCores()
  if (cores.length < 2 || findProgram('taskset') === null) {
    const why = cores.length < 2 ? 'only one core' : 'no taskset (apt-get install util-linux)'
    return { contender: cores, dyno: cores, load: cores, pinned: false, description: `not pinned: ${why}` }
  }
  const contender = cores.at(-1)!
  const siblings = threadSiblings(contender)
  // A hardware thread beside the contender's would take half of its core: leave it idle when others remain.
  const apart = cores.filter((core) => core !== contender && !siblings.includes(core))
  const rest = apart.length > 0 ? apart : cores.filter((core) => core !== contender)
  const dyno = rest[0]!
  const load = rest.length > 1 ? rest.slice(1) : rest
  const sharing =
    rest.length > 1 ? `dyno on core ${dyno}, load on ${load.join(',')}` : `dyno and load share core ${dyno}`
  const shared = apart.length === 0 ? '; it is a hardware thread of the same core' : ''
  return {
    contender: [contender],
    dyno: [dyno],
    load,
    pinned: true,
    description: `contender alone on core ${contender}, ${sharing}${shared}`,
  }
}

/** `command args…` held to these cores. The pid stays the same: taskset replaces itself by the command. */
export function onCores(
  cores: readonly number[],
  pinned: boolean,
  command: string,
  args: readonly string[],
): [string, string[]] {
  return pinned ? ['taskset', ['-c', cores.join(','), command, ...args]] : [command, [...args]]
}

/** The cores that this process may use: a container often has fewer than the machine. */
function allowedCores(): number[] {
  const status = readFileSync('/proc/self/status', 'utf8')
  return parseCoreList(/^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? '0')
}

function threadSiblings(core: number): number[] {
  try {
    return parseCoreList(
      readFileSync(`/sys/devices/system/cpu/cpu${core}/topology/thread_siblings_list`, 'utf8').trim(),
    )
  } catch {
    return [core] // not told by every virtual machine
  }
}

/** `0-2,5` → [0, 1, 2, 5] */
function parseCoreList(text: string): number[] {
  return text.split(',').flatMap((part) => {
    const [first, last] = part.split('-').map(Number)
    return Array.from({ length: (last ?? first!) - first! + 1 }, (_, i) => first! + i)
  })
}
