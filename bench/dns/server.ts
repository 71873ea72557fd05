import type { Command } from '../contenders/contender.ts'

/** A DNS server that can be put to the same zone as the others. */
export interface DnsServer {
  readonly name: string
  readonly version: () => string
  /** null: it can run here; else how to install it. */
  readonly missing: () => string | null
  /** Writes its files and gives the command that runs it in the foreground, on 127.0.0.1. */
  readonly configure: (directory: string, port: number) => Command
}
