import { stat } from 'node:fs/promises'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import type { ConfigResult } from './config.ts'
import { loadConfig } from './load.ts'

/** From this size on the reading takes longer (half a second) than a thread takes to start. */
const LARGE_FILE_BYTES = 256 * 1024

/**
 * `loadConfig` for a process that has other things to do meanwhile: a large file is read in a thread of its own, whose memory goes when
 * it ends. Never rejects for what is wrong with the file.
 */
export async function loadConfigAside(file: string): Promise<ConfigResult> {
  const bytes = await stat(file).then(
    ({ size }) => size,
    () => 0,
  )
  return bytes < LARGE_FILE_BYTES ? loadConfig(file) : inThread(file)
}

function inThread(file: string): Promise<ConfigResult> {
  return new Promise((resolve, reject) => {
    const task: Task = { loadConfig: file }
    const thread = new Worker(new URL(import.meta.url), { workerData: task })
    thread.once('message', resolve)
    thread.once('error', reject)
    thread.once('exit', (code) => reject(new Error(`the thread that reads ${file} ended with ${code}`)))
  })
}

/** This module is the thread's program, too. */
interface Task {
  readonly loadConfig: string
}

if (!isMainThread && parentPort !== null && typeof (workerData as Task | null)?.loadConfig === 'string') {
  parentPort.postMessage(await loadConfig((workerData as Task).loadConfig))
}
