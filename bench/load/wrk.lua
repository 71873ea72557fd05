-- Prints what a wrk run found as one line of JSON: wrk's own text has no 99.9th percentile.
-- The size of an upload, if any, is the first argument after "--".

function init(args)
  local upload = tonumber(args[1] or "0")
  if upload > 0 then
    wrk.method = "POST"
    wrk.body = string.rep("x", upload)
  end
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"bytes":%d,"us":%d,"p50":%d,"p99":%d,"p999":%d,"max":%d,' ..
    '"errors":{"connect":%d,"read":%d,"write":%d,"status over 399":%d,"timeout":%d}}\n',
    summary.requests, summary.bytes, summary.duration,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9), latency.max,
    e.connect, e.read, e.write, e.status, e.timeout))
end
