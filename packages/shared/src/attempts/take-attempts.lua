--[[
  Counts one attempt in several windows at once, or in none of them when one is full: a refused attempt must not use up
  what somebody else has left in the other windows.

  KEYS[n] counter of window n
  ARGV[2n-1] attempts that window n may have   ARGV[2n] its length, ms

  Returns 0 when it was counted, else the milliseconds until the last full window begins anew.
]]
local waitMs = 0
for n, key in ipairs(KEYS) do
  if tonumber(redis.call('GET', key) or 0) >= tonumber(ARGV[2 * n - 1]) then
    waitMs = math.max(waitMs, redis.call('PTTL', key), 1)
  end
end
if waitMs > 0 then return waitMs end

for n, key in ipairs(KEYS) do
  if redis.call('INCR', key) == 1 then redis.call('PEXPIRE', key, ARGV[2 * n]) end
end
return 0
