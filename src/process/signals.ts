/**
 * For the processes below the supervisor: a Ctrl-C goes to all processes of the terminal, and a service manager may signal all of a
 * service. What is to happen then the supervisor says. Without it nobody would end this process, so it ends itself.
 */
export function leaveSignalsToSupervisor(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2'] as const) process.on(signal, () => {})
  process.on('disconnect', () => process.exit(1))
}
