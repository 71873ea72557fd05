/**
 * Methods of Buffer that every Node.js has and its types leave out: what `toString('latin1', …)` and `write(…, 'latin1')` call after
 * looking at their arguments. The wire engine calls them several times per request.
 */
interface Buffer {
  latin1Slice(start?: number, end?: number): string
  latin1Write(text: string, offset?: number, length?: number): number
}
