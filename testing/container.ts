/**
 * What a Docker engine says of a container, for tests that have none.
 *
 * @module
 */
import type { Container } from "../stack/compose/docker.ts";

/** A container of a Compose service that runs. */
export function fakeContainer(service: string, id: string, number = "1"): Container {
  return {
    Id: id,
    Name: `x_${service}_${number}`,
    RestartCount: 0,
    State: { Status: "running", Pid: 1, StartedAt: "2026-01-01T00:00:00Z" },
    Config: {
      Labels: {
        "com.docker.compose.service": service,
        "com.docker.compose.container-number": number,
      },
    },
    NetworkSettings: { Networks: {} },
  };
}
