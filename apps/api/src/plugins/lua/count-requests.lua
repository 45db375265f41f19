-- Counts requests. A window begins with its first request and is forgotten when it is over.
-- KEYS  counters
-- ARGV  1: length of a window in ms; then for each key: how many requests to count
-- Returns for each key: how many there are now, and in how many ms it begins anew.
local reply = {}
for n, key in ipairs(KEYS) do
  local count = redis.call('INCRBY', key, ARGV[n + 1])
  local left = redis.call('PTTL', key)
  if left < 0 then
    left = tonumber(ARGV[1])
    redis.call('PEXPIRE', key, left)
  end
  reply[2 * n - 1] = count
  reply[2 * n] = left
end
return reply
