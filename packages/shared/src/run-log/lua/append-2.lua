--[[
  Appends events to a run log, unless the attempt has lost the right to. Never XADD '*': a client that resends after a
  cut reply would write the event twice; an explicit id makes the repeat recognisable.

  KEYS[1] log (stream)   KEYS[2] meta (hash: attempt, seq, closed, cancel)
  ARGV[1] attempt   ARGV[2] place of the first event   ARGV[3] '1' when the last event is terminal
  ARGV[4] life of the log after this, ms   ARGV[5] channel   ARGV[6..] type, data (JSON) of each event

  Returns { 'OK', '1' when a cancel waits else '0' } (written now or before), { 'FENCED' }, { 'CLOSED' },
          { 'GAP', newest place } or { 'ABSENT' } (the log, or this attempt's opening, is lost).
]]
local meta = redis.call('HMGET', KEYS[2], 'attempt', 'seq', 'closed', 'cancel')
local attempt = tonumber(ARGV[1])
local owner = tonumber(meta[1] or 0)

if owner > attempt then return { 'FENCED' } end
if owner < attempt then return { 'ABSENT' } end

local head = tonumber(meta[2])
local first = tonumber(ARGV[2])
local last = first + (#ARGV - 5) / 2 - 1
if last > head then
  if meta[3] then return { 'CLOSED' } end
  if first > head + 1 then return { 'GAP', head } end
  for seq = head + 1, last do
    local at = 6 + (seq - first) * 2
    local id = ARGV[1] .. '-' .. string.format('%d', seq)
    redis.call('XADD', KEYS[1], id, 't', ARGV[at], 'd', ARGV[at + 1])
    redis.call('PUBLISH', ARGV[5], id .. ' ' .. ARGV[at] .. ' ' .. ARGV[at + 1])
  end
  redis.call('HSET', KEYS[2], 'seq', last)
  if ARGV[3] == '1' then redis.call('HSET', KEYS[2], 'closed', 1) end
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
  redis.call('PEXPIRE', KEYS[2], ARGV[4])
end
return { 'OK', meta[4] or '0' }
