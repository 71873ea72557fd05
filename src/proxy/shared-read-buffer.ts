/**
 * All sockets of the data plane read into this one buffer: an idle connection holds no read memory, and the bytes are in the
 * cache when they are looked at. What is not consumed within the read callback must be copied.
 */
export const sharedReadBuffer = Buffer.allocUnsafeSlow(65_536)
