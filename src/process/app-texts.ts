/**
 * Apps as JSON, one text after the other in UTF-8: thousands of texts, each a value of its own in a message, would hold up whoever gets it until all of them are
 * made, and these can be read one by one.
 */
export interface AppTexts {
  readonly names: readonly string[]
  /** Where in `bytes` the text of each ends. */
  readonly ends: Uint32Array
  readonly bytes: Uint8Array
}

/** So many bytes in one pack, and one app. */
const PACK_BYTES = 128 * 1024

export function packApps(apps: readonly (readonly [name: string, text: string])[]): AppTexts[] {
  const packs: AppTexts[] = []
  let names: string[] = []
  let texts: string[] = []
  let ends: number[] = []
  let end = 0
  const close = () => {
    if (names.length > 0) packs.push({ names, ends: Uint32Array.from(ends), bytes: Buffer.from(texts.join('')) })
    names = []
    texts = []
    ends = []
    end = 0
  }
  for (const [name, text] of apps) {
    names.push(name)
    texts.push(text)
    end += Buffer.byteLength(text)
    ends.push(end)
    if (end >= PACK_BYTES) close()
  }
  close()
  return packs
}

export function* unpackApps(packs: readonly AppTexts[]): Generator<readonly [name: string, text: string]> {
  for (const { names, ends, bytes } of packs) {
    const texts = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    let begin = 0
    for (const [index, name] of names.entries()) {
      const end = ends[index]!
      yield [name, texts.toString('utf8', begin, end)]
      begin = end
    }
  }
}
