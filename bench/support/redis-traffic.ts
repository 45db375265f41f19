/** What Redis has done so far, by its own count: commands run, those inside scripts included, and bytes in and out. */
import { redisCommand } from '../../scripts/services/redis-wire.ts';

export interface RedisTraffic {
  readonly commands: number;
  readonly bytes: number;
}

export async function redisTraffic(port: number): Promise<RedisTraffic> {
  const info = await redisCommand(port, 'INFO stats', 5_000);
  const field = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1] ?? 0);
  return {
    commands: field('total_commands_processed'),
    bytes: field('total_net_input_bytes') + field('total_net_output_bytes'),
  };
}
