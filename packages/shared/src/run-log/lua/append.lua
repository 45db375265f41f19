--[[
  Appends events to the logs of many runs, each unless its attempt has lost the right to. Never XADD '*': a client that
  resends after a cut reply would write the event twice; an explicit id makes the repeat recognisable.

  KEYS[2n - 1] log (stream)   KEYS[2n] meta (hash: attempt, seq, closed, cancel)   of the nth append
  ARGV, for one append after the other:
    attempt   place of the first event   '1' when the last event is terminal   life of the log after this, ms
    channel   number of events   then type, data (JSON) of each event

  Returns for each append: { 'OK', '1' when a cancel waits else '0' } (written now or before), { 'FENCED' }, { 'CLOSED' },
  { 'GAP', newest place }, { 'ABSENT' } (the log, or this attempt's opening, is lost or torn) or { 'ERROR', what Redis said }.
  A key that holds something else fails its own append and no other: what can fail is called with pcall.
]]
local function append(log, meta, at)
  local state = redis.pcall('HMGET', meta, 'attempt', 'seq', 'closed', 'cancel')
  if state.err then return { 'ERROR', state.err } end
  local attempt = tonumber(ARGV[at])
  local owner = tonumber(state[1] or 0)
  local head = tonumber(state[2] or 0)
  if not owner or not head then return { 'ERROR', 'foreign values in ' .. meta } end

  if owner > attempt then return { 'FENCED' } end
  if owner < attempt then return { 'ABSENT' } end

  local first = tonumber(ARGV[at + 1])
  local last = first + tonumber(ARGV[at + 5]) - 1
  if last > head then
    if state[3] then return { 'CLOSED' } end
    if first > head + 1 then return { 'GAP', head } end
    for seq = head + 1, last do
      local event = at + 6 + (seq - first) * 2
      local id = ARGV[at] .. '-' .. string.format('%d', seq)
      local added = redis.pcall('XADD', log, id, 't', ARGV[event], 'd', ARGV[event + 1])
      if type(added) == 'table' then
        if not string.find(added.err, 'equal or smaller', 1, true) then return { 'ERROR', added.err } end
        -- Redis came back with a log that is ahead of its meta: the end of its file was torn in the middle of a script. It
        -- would refuse for ever. What stands there is not counted, so the attempt that owns the run writes it all again.
        local newest = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
        if newest and tonumber(string.match(newest[1], '^%d+')) > attempt then return { 'FENCED' } end
        redis.call('DEL', log)
        redis.call('HDEL', meta, 'attempt', 'seq')
        return { 'ABSENT' }
      end
      redis.call('PUBLISH', ARGV[at + 4], id .. ' ' .. ARGV[event] .. ' ' .. ARGV[event + 1])
    end
    if ARGV[at + 2] == '1' then
      redis.call('HSET', meta, 'seq', last, 'closed', 1)
    else
      redis.call('HSET', meta, 'seq', last)
    end
    -- Two writes less for almost every append, in Redis as in its AOF: an open log is renewed when half its life is over.
    if ARGV[at + 2] == '1' or redis.call('PTTL', meta) < ARGV[at + 3] / 2 then
      redis.call('PEXPIRE', log, ARGV[at + 3])
      redis.call('PEXPIRE', meta, ARGV[at + 3])
    end
  end
  return { 'OK', state[4] or '0' }
end

local results = {}
local at = 1
for n = 1, #KEYS / 2 do
  results[n] = append(KEYS[2 * n - 1], KEYS[2 * n], at)
  at = at + 6 + 2 * ARGV[at + 5]
end
return results
