--[[
  Takes one attempt back out of each window: it was none of those that are to be limited.

  KEYS[n] counter of window n
]]
for _, key in ipairs(KEYS) do
  if tonumber(redis.call('GET', key) or 0) > 0 then redis.call('DECR', key) end
end
return 0
