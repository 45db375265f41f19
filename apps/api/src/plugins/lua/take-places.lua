-- Takes some of a limited number of places, by Redis' clock; places whose time is over are free again.
-- KEYS  sorted sets of the places that are taken; score = when it is over at the latest, in ms
-- ARGV  1: for how long a place is taken at most, in ms; then for each key: how many places are asked for, and for each of
--       these: how many there are at most, and the name of the place
-- Returns for each place, in order: 1, or 0 when all are taken.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local reply = {}
local at = 2
for _, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  local taken = redis.call('ZCARD', key)
  local added = {}
  local asked = tonumber(ARGV[at])
  at = at + 1
  for _ = 1, asked do
    if taken < tonumber(ARGV[at]) then
      taken = taken + 1
      added[#added + 1] = now + ARGV[1]
      added[#added + 1] = ARGV[at + 1]
      reply[#reply + 1] = 1
    else
      reply[#reply + 1] = 0
    end
    at = at + 2
  end
  if #added > 0 then
    redis.call('ZADD', key, unpack(added))
    redis.call('PEXPIRE', key, ARGV[1])
  end
end
return reply
