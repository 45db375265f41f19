--[[
  Appends events to the logs of many runs, each unless its attempt has lost the right to. Never XADD '*': a client that
  resends after a cut reply would write the event twice; an explicit id makes the repeat recognisable.

  KEYS[2n - 1] log (stream)   KEYS[2n] meta (hash: attempt, seq, closed, cancel)   of the nth append
  ARGV[1] life of an open log, ms   ARGV[2] life of a closed log, ms   then, for one append after the other:
    attempt   place of the first event   number of events   then type, data (JSON) of each event

  Returns for each append: 0 (written now or before), 1 (the same, and a cancel waits), { 'FENCED' }, { 'CLOSED' },
  { 'GAP', newest place }, { 'ABSENT' } (the log, or this attempt's opening, is lost or torn) or { 'ERROR', what Redis said }.
  A key that holds something else fails its own append and no other: what can fail is called with pcall. Only a primary
  that was demoted fails them all, so that the connection is replaced by one to the new primary.

  Every string that goes in or out and every call costs all runs, so there are few: see decision 14.
]]
local call, try, KEYS, ARGV = redis.call, redis.pcall, KEYS, ARGV
-- The last event of a log, as in protocol/run-event.ts.
local isTerminal = { completed = true, failed = true, cancelled = true }
-- An open log is renewed with its first event and whenever it has grown by so many. With the longest silence between two
-- events that a provider is granted, ten minutes, it would grow so much just within its day.
local eventsPerRenewal = 128

local function append(log, meta, at)
  local state = try('HMGET', meta, 'attempt', 'seq', 'closed', 'cancel')
  if state.err then return { 'ERROR', state.err } end
  local attempt = tonumber(ARGV[at])
  local owner = tonumber(state[1] or 0)
  local head = tonumber(state[2] or 0)
  if not owner or not head then return { 'ERROR', 'foreign values in ' .. meta } end

  if owner > attempt then return { 'FENCED' } end
  if owner < attempt then return { 'ABSENT' } end

  local first = tonumber(ARGV[at + 1])
  local last = first + ARGV[at + 2] - 1
  if last > head then
    if state[3] then return { 'CLOSED' } end
    if first > head + 1 then return { 'GAP', head } end
    -- keys.ts: `<base>:log` and `<base>:live`.
    local channel = string.sub(log, 1, -4) .. 'live'
    local life = (head == 0 or last % eventsPerRenewal < last - head) and ARGV[1]
    local place, event
    for seq = head + 1, last do
      event = at + 3 + (seq - first) * 2
      -- A string, as Redis wants it: a number it would print itself, and slowly.
      place = seq .. ''
      local id = ARGV[at] .. '-' .. place
      local added = try('XADD', log, id, 't', ARGV[event], 'd', ARGV[event + 1])
      if type(added) == 'table' then
        if not string.find(added.err, 'equal or smaller', 1, true) then return { 'ERROR', added.err } end
        -- Redis came back with a log that is ahead of its meta: the end of its file was torn in the middle of a script. It
        -- would refuse for ever. What stands there is not counted, so the attempt that owns the run writes it all again.
        local newest = call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
        if newest and tonumber(string.match(newest[1], '^%d+')) > attempt then return { 'FENCED' } end
        call('DEL', log)
        call('HDEL', meta, 'attempt', 'seq')
        return { 'ABSENT' }
      end
      call('PUBLISH', channel, id .. ' ' .. ARGV[event] .. ' ' .. ARGV[event + 1])
    end
    if isTerminal[ARGV[event]] then
      call('HSET', meta, 'seq', place, 'closed', '1')
      life = ARGV[2]
    else
      call('HSET', meta, 'seq', place)
    end
    if life then
      call('PEXPIRE', log, life)
      call('PEXPIRE', meta, life)
    end
  end
  return state[4] and 1 or 0
end

local results = {}
local at = 3
for n = 1, #KEYS / 2 do
  results[n] = append(KEYS[2 * n - 1], KEYS[2 * n], at)
  at = at + 3 + 2 * ARGV[at + 2]
  if type(results[n]) == 'table' and results[n][1] == 'ERROR' and string.find(results[n][2], '^-?READONLY') then
    return redis.error_reply('READONLY the primary was demoted')
  end
end
return results
