/**
 * The public door.
 *
 * ```ts
 * import { createRouter, loadConfig } from 'postern'
 *
 * const checked = await loadConfig('config/space.yml')
 * if (!checked.ok) throw new Error(checked.problems.map(formatProblem).join('\n'))
 * const router = createRouter(checked.config)
 * await router.start()
 * console.log(router.addresses.listeners.public)
 * ```
 */
export type { Config, ConfigResult, Problem } from './config/config.ts'
export { configFromObject, loadConfig, parseConfig } from './config/load.ts'
export { formatProblem } from './config/problems.ts'
export { createRouter, type Router, type RouterAddresses } from './router.ts'
