-- The position that each waiting run is to be told: the one found, or the lowest that anybody was told before.
--
-- KEYS      one per run; kept: "<position> <higher>", what was told last
-- ARGV[1]   how long to remember it, in milliseconds
-- ARGV[2…]  for each key two numbers: the position found, and how many runs of a higher priority wait
-- returns   the positions, in the order of the keys
local positions = {}
for nth, key in ipairs(KEYS) do
  local position = tonumber(ARGV[2 * nth])
  local higher = tonumber(ARGV[2 * nth + 1])
  local told = redis.call('get', key)
  if told then
    local told_position, told_higher = told:match('^(%d+) (%d+)$')
    -- Only a higher priority puts anybody back.
    position = math.min(position, told_position + math.max(0, higher - told_higher))
  end
  redis.call('set', key, string.format('%d %d', position, higher), 'px', ARGV[1])
  positions[nth] = position
end
return positions
