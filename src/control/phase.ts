/**
 * How far a control plane is. `new`: no configuration is in use yet, or another control plane has taken over; `stopping`: the data plane has ended before,
 * and the dynos are to end.
 */
export type Phase = 'new' | 'started' | 'stopping'
