--[[
  Moves the fence of a run log up to an attempt, never down, and writes the attempt's opening event.

  KEYS[1] log (stream)   KEYS[2] meta (hash: attempt, seq, closed, cancel)
  ARGV[1] attempt   ARGV[2] type   ARGV[3] data (JSON)   ARGV[4] channel   ARGV[5] life of an open log, ms

  Returns 'OPENED' (now, or already by this attempt), 'FENCED' (a later attempt owns the log) or 'CLOSED'.
]]
local meta = redis.call('HMGET', KEYS[2], 'attempt', 'closed')
local attempt = tonumber(ARGV[1])
local owner = tonumber(meta[1] or 0)

if owner > attempt then return 'FENCED' end
if meta[2] then return 'CLOSED' end
if owner == attempt then return 'OPENED' end

local id = ARGV[1] .. '-0'
local added = redis.pcall('XADD', KEYS[1], id, 't', ARGV[2], 'd', ARGV[3])
if type(added) == 'table' and added.err then
  if not string.find(added.err, 'equal or smaller', 1, true) then return added end
  -- The log is ahead of its meta: see append.lua.
  local newest = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
  if newest and tonumber(string.match(newest[1], '^%d+')) > attempt then return 'FENCED' end
  redis.call('DEL', KEYS[1])
  redis.call('XADD', KEYS[1], id, 't', ARGV[2], 'd', ARGV[3])
end
redis.call('HSET', KEYS[2], 'attempt', ARGV[1], 'seq', 0)
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
redis.call('PUBLISH', ARGV[4], id .. ' ' .. ARGV[2] .. ' ' .. ARGV[3])
return 'OPENED'
