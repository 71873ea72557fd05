import { spawnSync } from 'node:child_process'
import { chmodSync, rmSync } from 'node:fs'

/** Emits dist/: JavaScript and types of src/, for the package. */
rmSync('dist', { recursive: true, force: true })
const compiled = spawnSync('tsc', ['--project', 'tsconfig.build.json'], {
  stdio: 'inherit',
  shell: process.platform === 'win32',
})
if (compiled.status !== 0) process.exit(compiled.status ?? 1)
chmodSync('dist/cli.js', 0o755)
