-- Takes one of a limited number of places, by Redis' clock; places whose time is over are free again.
-- KEYS  1: sorted set of the places that are taken; score = when it is over at the latest, in ms
-- ARGV  1: name of the place  2: how many there are  3: for how long it is taken at most, in ms
-- Returns 1, or 0 when all are taken.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then return 0 end
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
